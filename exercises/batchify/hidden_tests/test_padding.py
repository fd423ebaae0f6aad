"""B1, B2 and the mask: the three small functions that make a rectangle of unequal rows."""

import torch

from grader.checks import assert_equal, check, expect_raises

LENGTHS = (1, 24, 7, 7, 13)


def test_pad_batch(student, rng):
    """Rows are padded on the left; the mask marks padding, not the pad token, which may occur in prompts."""
    for lengths, pad in ((LENGTHS, 0), ((3, 9), 96), ((5, 5), 7), ((4,), 0)):
        rows = [rng.integers(0, 97, (length,)).tolist() for length in lengths]
        for row in rows:  # real tokens, first, last and in between, though they look like padding
            row[rng.choice((0, -1, len(row) // 2))] = pad
        answer = student.pad_batch(rows, pad)
        check(
            isinstance(answer, tuple | list) and len(answer) == 2,
            "pad_batch must return (ids, attention_mask)",
            "pad_batch 应返回 (ids, attention_mask)",
        )
        S = max(lengths)
        ids = torch.tensor([[pad] * (S - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (S - len(row)) + [1] * len(row) for row in rows])
        assert_equal(answer[1], mask, what="attention mask")
        assert_equal(answer[0], ids, what="ids")
    with expect_raises("ValueError"):
        student.pad_batch([[3, 4], [], [5]], 0)


def random_masks(rng):
    """Return masks [B, T]: left-, right- and middle-padded rows, all ones, nothing but padding."""
    T = rng.integer(9, 16)
    where = torch.arange(T)
    cut = [rng.integer(1, T) for _ in range(4)]
    left, right = where >= cut[0], where < cut[1]
    middle = (where < min(cut[2:])) | (where > max(cut[2:]))
    holes = torch.ones(T).bernoulli(0.5, generator=rng.generator()).bool()
    rows = (left, where >= 0, right, middle, holes, where < 0)
    return [torch.stack(rows).long(), torch.stack((left, where >= 0)).long(), left[None].long()]


def test_position_ids(student, rng, device):
    """A token's position is the number of real tokens before it; padding has position 0."""
    for mask in random_masks(rng):
        due = torch.zeros_like(mask)
        for b, t in mask.nonzero().tolist():
            due[b, t] = mask[b, :t].sum()
        assert_equal(student.make_position_ids(mask.to(device)), due, what="position ids")


def test_make_mask(student, rng, device):
    """Each of the last `num_new` tokens sees the real tokens up to itself, and nothing else."""
    for mask in random_masks(rng):
        B, T = mask.shape
        for num_new in (T, 1, rng.integer(2, T)):
            due = torch.zeros(B, 1, num_new, T, dtype=torch.bool)
            for i in range(num_new):
                last = T - num_new + i  # the query's own column
                due[:, 0, i, : last + 1] = mask[:, : last + 1] == 1
            assert_equal(student.make_mask(mask.to(device), num_new), due, what="mask")
