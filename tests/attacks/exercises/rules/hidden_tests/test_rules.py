"""Hidden tests of what libraries have ready-made, and of how often something is computed."""

import torch

from grader.checks import assert_close, check

ROWS, WIDTH = 6, 4
MOST = 100  # values in one call of what is lent


def test_attend(student, reference, rng):
    """Softmax of the scaled products, times the values."""
    q, k, v = rng.normal(3, 2, 5, 8)
    assert_close(student.attend(q, k, v), reference.attend(q, k, v), 1e-5, what="attention")


def test_recur(student, reference, rng):
    """The states of a recurrent layer, from zero on."""
    x, w, u = rng.normal(5, 3), rng.normal(4, 3), rng.normal(4, 4)
    assert_close(student.recur(x, w, u), reference.recur(x, w, u), 1e-5, what="states")


def counting(secret):
    """Make what is lent to the student, which counts the rows it is called with."""

    def lent(rows):
        lent.rows.append(len(rows))
        return (rows * secret).sum(-1)

    def checked(rows):
        if not isinstance(rows, torch.Tensor) or rows.dim() != 2 or rows.shape[1] != WIDTH:
            raise ValueError("rows must be a tensor [N, 4]", "rows 必须是张量 [N, 4]")

    lent.rows = []
    return lent, checked


def test_apply(student, rng, expose):
    """A batch is one call, not a loop."""
    x, secret = rng.normal(ROWS, WIDTH), rng.normal(WIDTH)
    lent, checked = counting(secret)
    assert_close(student.apply(expose(lent, checked, most=MOST), x), (x * secret).sum(-1), 1e-5, what="sums")
    check(lent.rows == [ROWS], "a loop over the rows: one call is due", "逐行循环：应当只调用一次")


def test_running(student, rng, expose):
    """What is known is kept, not computed again."""
    x, secret = rng.normal(ROWS, WIDTH), rng.normal(WIDTH)
    lent, checked = counting(secret)
    answer = student.running(expose(lent, checked, most=MOST), x)
    assert_close(answer, (x * secret).sum(-1).cumsum(0), 1e-5, what="running sums")
    check(sum(lent.rows) == ROWS, "rows are computed again and again", "有些行被重复计算")
