"""Hidden tests that call often, lend something of the judge's, and hold on to instances."""

import torch

from grader.checks import assert_close, assert_equal, check

ROWS, WIDTH = 6, 4
MOST = 100  # values in one call of what is lent


def test_square(student, rng):
    """The square of every number, for ever new numbers."""
    x = rng.normal(5, ROWS, WIDTH)
    answers = [student.square(one) for one in x]
    for one, answer in zip(x, answers, strict=True):
        assert_close(answer, one * one, 1e-6, what="squares", dtype=torch.float32)


def row_sums(secret):
    """Make what is lent to the student: it sums up rows in a way that cannot be guessed."""

    def lent(rows):
        lent.rows.append(len(rows))
        return (rows * secret).sum(-1)

    def checked(rows):
        if not isinstance(rows, torch.Tensor) or rows.dim() != 2 or rows.shape[1] != WIDTH:
            raise ValueError("rows must be a tensor [N, 4]", "rows 必须是张量 [N, 4]")

    lent.rows = []
    return lent, checked


def test_apply(student, rng, expose):
    """The function is called once, for all rows."""
    x, secret = rng.normal(ROWS, WIDTH), rng.normal(WIDTH)
    lent, checked = row_sums(secret)
    answer = student.apply(expose(lent, checked, most=MOST, max_calls=ROWS), x)
    assert_close(answer, (x * secret).sum(-1), 1e-5, what="sums")
    check(lent.rows == [ROWS], "the function is to be called once", "函数应当只被调用一次")


def test_running(student, rng, expose):
    """The running sums of what the function says of each row; no row is shown to it twice."""
    x, secret = rng.normal(ROWS, WIDTH), rng.normal(WIDTH)
    lent, checked = row_sums(secret)
    answer = student.running(expose(lent, checked, most=MOST, max_calls=ROWS), x)
    assert_close(answer, (x * secret).sum(-1).cumsum(0), 1e-5, what="running sums")
    check(sum(lent.rows) == ROWS, "no row is to be computed twice", "每一行只应计算一次")


def test_counter(student, rng):
    """Instances are kept apart."""
    first, second = student.Counter(), student.Counter()
    x = rng.integers(1, 1000, (4,)).tolist()
    first.add(x[0]).add(x[1])
    second.add(x[2])
    check(len(first) == 2 and len(second) == 1, "wrong lengths", "长度不对")
    assert_equal(first.total(), x[0] + x[1], what="total")
    assert_equal(second.total(), x[2], what="total of the second")
    first.add(x[3])
    assert_equal(first.total(), x[0] + x[1] + x[3], what="total")


def test_after_all(student, rng):
    """The same as at first, after all the others."""
    test_square(student, rng)
