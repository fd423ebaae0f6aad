"""B6, B7, B11, B12: padding changes no logits. Judged by what the student's Llama says about rows alone."""

import torch
from batch_calls import check_numbering, left_padded, positions
from batch_fixtures import make_model, our_model, relative, student_model

from grader.checks import assert_close, assert_form, check, clue
from grader.memo import remembered

F32 = torch.float32
SAME = 1e-5
UNTOUCHED = 1e-6  # the same shapes, the same row: nothing but the order of additions may differ
LOW = {torch.bfloat16: (3e-2, 8e-2), torch.float16: (4e-3, 1.2e-2)}  # dtype: least limit, cap
V = 97


def random_rows(rng, lengths):
    """Draw token lists."""
    return [rng.integers(0, V, (length,)).tolist() for length in lengths]


def filler(rng):
    """Return a source of n random ids: what stands on padding must not matter."""
    return lambda n: rng.integers(0, V, (n,)).tolist()


def padded(student, theirs, ids, mask, device, cache=None):
    """Return the logits [B, S, V] of a padded batch, with the student's positions."""
    S = ids.shape[1]
    position_ids = positions(student, mask, device)[:, -S:]
    where = ids.to(device), mask.to(device), position_ids
    logits = theirs(where[0], attention_mask=where[1], position_ids=where[2], cache=cache)
    assert_form(logits, (*ids.shape, V), None, "logits of a padded batch")
    real = mask[:, -S:, None] == 1
    clue(logits.where(real, 0), replaces=1)  # what stands at padding is free, and says nothing of a mistake
    return logits


def alone(theirs, row, device):
    """Return the logits [S, V] of one row by itself."""
    logits = theirs(torch.tensor([row]).to(device))
    assert_form(logits, (1, len(row), V), F32, "logits of one row")
    return logits[0].double()


def check_context(theirs, row, device):
    """Fail unless the last logits of a row depend on its first token: who is blind sees no padding either."""
    other = [(row[0] + 1) % V, *row[1:]]
    check(
        relative(alone(theirs, other, device)[-1], alone(theirs, row, device)[-1]) > 1e-4,
        "the first token has no influence on the last logits: does attention see it?",
        "第一个 token 对最后的 logits 没有影响：注意力看到它了吗？",
    )


def test_padded_logits(student, expose, reference, rng, device):
    """With your position ids a padded row has the logits of the row alone, in later steps, too."""
    check_numbering(student, expose, reference, device, rng.seed())
    theirs = student_model(student, make_model("small", rng.seed()), device)
    for lengths in ((3, 9), (1, 24, 7, 7, 13)):
        rows, steps = random_rows(rng, lengths), 3
        ids, mask = left_padded(rows, filler(rng))
        more = rng.integers(0, V, (len(rows), steps))
        cache, ones = student.KVCache(), torch.ones_like(more)
        logits = [padded(student, theirs, ids, mask, device, cache)]
        for i in range(steps):
            grown = torch.cat((mask, ones[:, : i + 1]), dim=1)
            logits.append(padded(student, theirs, more[:, i : i + 1], grown, device, cache))
        for row, new, said in zip(rows, more.tolist(), torch.cat(logits, dim=1), strict=True):
            due = alone(theirs, row + new, device)
            assert_close(said[-len(due) :], due, SAME, what="logits of a padded row", dtype=F32)
    check_context(theirs, rows[-1], device)


def test_rows_are_independent(student, expose, reference, rng, device):
    """A row's logits do not depend on what else is in the batch, nor on what stands on padding."""
    check_numbering(student, expose, reference, device, rng.seed())
    theirs = student_model(student, make_model("small", rng.seed()), device)
    short = random_rows(rng, (3, 7, 5))

    def last_logits(rows):
        ids, mask = left_padded(rows, filler(rng))
        return padded(student, theirs, ids, mask, device)[:3, -1].double()

    before = last_logits(short)
    long = last_logits([*short, *random_rows(rng, (24,))])
    assert_close(long, before, SAME, what="logits of short rows beside a long one")
    noise = last_logits([*short, *random_rows(rng, (24,))])
    assert_close(noise, long, UNTOUCHED, what="logits when other rows and the padding change")
    due = torch.stack([alone(theirs, row, device)[-1] for row in short])
    assert_close(noise, due, SAME, what="logits of rows in a batch")
    check_context(theirs, short[1], device)


def test_row_of_padding(student, expose, reference, rng, device):
    """A row of nothing but padding gives finite logits and leaves the other rows alone."""
    check_numbering(student, expose, reference, device, rng.seed())
    theirs = student_model(student, make_model("small", rng.seed()), device)
    rows = random_rows(rng, (6, 11))
    ids, mask = left_padded([rows[0], [], rows[1]], filler(rng))
    cache = student.KVCache()
    logits = padded(student, theirs, ids, mask, device, cache)
    nothing = torch.cat((mask, torch.tensor([[1], [0], [1]])), dim=1)
    more = padded(student, theirs, rng.integers(0, V, (3, 1)), nothing, device, cache)
    check(
        bool(logits.isfinite().all() and more.isfinite().all()),
        "a row of padding gives NaN or infinity",
        "整行都是填充时得到了 NaN 或无穷大",
    )
    for row, said in ((rows[0], logits[0]), (rows[1], logits[2])):
        due = alone(theirs, row, device)
        assert_close(said[-len(due) :], due, SAME, what="rows beside a row of padding", dtype=F32)
    check_context(theirs, rows[1], device)


def forced(m, llama, cache, ids, mask, steps):
    """Feed a padded batch and then, column by column, `steps` given tokens [B, n]; return all logits."""

    def logits(part, seen):
        return llama(
            part,
            attention_mask=seen,
            position_ids=m.make_position_ids(seen)[:, -part.shape[1] :],
            cache=cache,
        )

    said = [logits(ids, mask)]
    for column in steps.split(1, dim=1):
        mask = torch.cat((mask, torch.ones_like(column)), dim=1)
        said.append(logits(column, mask))
    return torch.cat(said, dim=1)


def real_parts(logits, rows):
    """Return the logits at real tokens, row behind row [N, V]."""
    return torch.cat([said[-len(row) :] for row, said in zip(rows, logits, strict=True)])


@remembered
@torch.no_grad()
def low_limit(reference, model, dtype, ids, mask, steps, rows):
    """Allow twice the reference's own error in this dtype, at least the least limit, at most the cap."""
    exact = torch.cat([our_model(reference, model)(torch.tensor([row]))[0] for row in rows])
    ours = forced(reference, our_model(reference, model, dtype), reference.KVCache(), ids, mask, steps)
    least, cap = LOW[dtype]
    return min(max(2 * relative(real_parts(ours, rows), exact), least), cap)


def test_low_precision(student, expose, reference, rng, device):
    """In bf16 and fp16 a padded batch with given tokens keeps to what each row says alone in float32."""
    check_numbering(student, expose, reference, device, rng.seed())
    for dtype in LOW:
        model = make_model("small", rng.seed(), dtype)
        theirs = [student_model(student, model, device, kind) for kind in (None, dtype)]
        prompts, steps = random_rows(rng, (2, 17, 8)), rng.integers(0, V, (3, 4))
        ids, mask = left_padded(prompts, filler(rng))
        rows = [row + new for row, new in zip(prompts, steps.tolist(), strict=True)]
        limit = low_limit(reference, model, dtype, ids, mask, steps, rows)
        cache, grown = student.KVCache(), mask
        logits = [padded(student, theirs[1], ids, mask, device, cache)]
        for column in steps.split(1, dim=1):
            grown = torch.cat((grown, torch.ones_like(column)), dim=1)
            logits.append(padded(student, theirs[1], column, grown, device, cache))
        exact = torch.cat([alone(theirs[0], row, device) for row in rows])
        assert_close(
            real_parts(torch.cat(logits, dim=1), rows),
            exact,
            limit,
            what=f"{dtype}, padded rows",
            dtype=dtype,
        )
        check_context(theirs[0], prompts[1], device)
