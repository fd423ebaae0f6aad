"""A hidden test of speed, with much room between fast (10 times) and slow (1 time)."""

import torch

from grader.checks import assert_close, check

SIZE, ROUNDS, SPARE = 160, 4, 8
ENOUGH = 3.0


def matrix(rng):
    """Make a matrix [SIZE, SIZE] whose 64th power neither vanishes nor explodes."""
    skew = torch.triu(rng.normal(SIZE, SIZE).double(), 1)
    return torch.matrix_exp((skew - skew.T) / SIZE)


def check_power(answer, x):
    """Compare with the power in double precision."""
    assert_close(answer, torch.linalg.matrix_power(x, 64), 1e-9, what="power", dtype=torch.float64)


def test_power(student, rng):
    """The power is right to double precision."""
    x = matrix(rng)
    check_power(student.power(x), x)


def test_speed(race, rng):
    """Computed with few multiplications; every answer is looked at."""
    x = [matrix(rng) for _ in range(ROUNDS + SPARE)]
    call = lambda m, i: m.power(x[i])  # noqa: E731
    judge = lambda i, answer: check_power(answer, x[i])  # noqa: E731
    ratio = race(baseline=call, student=call, rounds=ROUNDS, check=judge)
    check(ratio >= ENOUGH, "not three times as fast", "没有快三倍")
