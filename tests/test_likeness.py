"""How alike two answers are: as a share of the way from the right answer, exact where values are discrete."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.likeness import NEAR, Draws, distance
from tests.protocol.strategies import CASES, tensors, values

X = torch.arange(6.0).reshape(2, 3) + 1
WAY_OFF = X.flip(0)


def near(seen, known, right):
    return distance((seen,), (known,), (right,)) <= NEAR


@pytest.mark.parametrize(
    ("seen", "known", "right", "alike"),
    [
        (X, X * (1 + 1e-6), WAY_OFF, True),
        (X, X * 1.01, WAY_OFF, True),  # explains 97 % of the way
        (X, X * 1.01, X * 1.02, False),  # explains half of it
        (X, X * 1.001, X * 1.02, True),
        (X, X.double(), WAY_OFF, False),
        (X, X.flatten(), WAY_OFF, False),
        (X, X * 1.2, X[:1], True),  # both have one wrong shape, or dtype
        (X, X * 1.2, X.double(), True),
        (X, X[:, :2], X[:1], False),
        (X / 0, X / 0, X, True),
        (X / 0, -X / 0, X, False),
        (X * torch.nan, X * torch.nan, X, True),
        (X * torch.nan, X / 0, X, False),
        (X, X * torch.nan, X, False),
        (torch.zeros(3), torch.zeros(3), torch.ones(3), True),
        (X.half(), X.half() + 0.004, WAY_OFF.half(), True),  # rounding of half precision
        (X.long(), X.long(), X.long() + 1, True),
        (X.long(), X.long() + 1, X.long() + 2, False),
        (X > 2, X > 3, X > 9, False),
        ([1, "a", None], [1, "a", None], None, True),
        ([1, 2], (1, 2), [1, 3], False),
        ([1, 2], [1, 2, 3], [1, 3], False),
        ({"k": X}, {"k": X}, {"k": WAY_OFF}, True),
        ({"k": X}, {"k": X + 1}, {"k": X + 2}, False),
        ({"k": X}, {"j": X}, {"k": X}, False),
        (1, True, 2, False),
        (1.0, 1.001, 2.0, True),
        (1.0, 1.5, 2.0, False),
        (math.inf, math.inf, 2.0, True),
        (1e200, 1.5, 2.0, False),  # its square is beyond all numbers
        (b"x", b"y", b"z", False),
        (([1, 2], -1.5), ([1, 2], -1.5000001), ([1, 3], -1.2), True),
        (([1, 2], -1.5), ([1, 3], -1.5), ([1, 4], -1.2), False),
    ],
)
def test_alike(seen, known, right, alike):
    assert near(seen, known, right) is alike


def test_where_the_student_is_right_the_known_mistake_must_be_right_too():
    assert distance((X,), (X * (1 + 1e-6),), (X,)) == 0
    assert distance((X,), (X * (1 + 1e-4),), (X,)) == math.inf


def test_another_number_of_answers_is_not_alike():
    assert distance((1, 2), (1,), (1, 3)) == math.inf
    assert distance((), (), ()) == 0


def test_answers_after_the_last_right_one_are_compared_among_themselves():
    """A failing test ends early, the right solution's does not; or it makes other calls."""
    assert distance((1, X), (1, X), (1,)) == 0
    assert distance((1, X), (1, X + 1), (1,)) > NEAR
    assert distance((1,), (1,), (2, 3, 4)) == 0


def drawn(probs, seed, n=20_000):
    source = torch.Generator().manual_seed(seed)
    tokens = torch.multinomial(torch.tensor(probs), n, replacement=True, generator=source)
    return Draws(torch.bincount(tokens, minlength=len(probs)).double())


def test_samples_are_alike_if_they_may_come_from_one_distribution():
    right, one, other = [0.25] * 4, [0.4, 0.3, 0.2, 0.1], [0.4, 0.3, 0.15, 0.15]
    for seed in range(20):
        a, b, c, r = drawn(one, seed), drawn(one, 100 + seed), drawn(other, 200 + seed), drawn(right, seed)
        assert 0 < distance((a,), (b,), (r,)) <= NEAR
        assert distance((a,), (c,), (r,)) == math.inf
        assert distance((a,), (a,), (r,)) == 0


def test_samples_of_one_token_are_alike_only_if_it_is_the_same():
    a, b, right = drawn([1.0, 0.0], 1), drawn([0.0, 1.0], 1), drawn([0.5, 0.5], 1)
    assert distance((a,), (a,), (right,)) == 0
    assert distance((a,), (b,), (right,)) == math.inf
    assert distance((a,), (drawn([1.0], 1),), (right,)) == math.inf


def test_it_is_enough_to_explain_the_answer_at_which_the_test_ended():
    """What passed before, in half precision, say, differs by its own rounding."""
    noisy, right = X * 1.003, (X, X * 1.05)
    assert distance((noisy, X), (X * 0.998, X * 1.001), right) <= NEAR
    assert distance((noisy, X), (X * 0.98, X * 1.001), right) > NEAR  # that is more than noise
    assert distance((X, X), (X * 2, X), right) > NEAR  # something else was wrong before


HUGE = [1e300, -1.7e308, 5e-324, math.nan, math.inf, -math.inf, 0.0]
ANSWERS = values(tensors() | st.sampled_from(HUGE).map(lambda x: torch.tensor([x, 1.0], dtype=torch.float64)))
ANSWERS |= st.sampled_from(HUGE)


@settings(max_examples=CASES)
@given(st.lists(ANSWERS, max_size=3), st.data())
def test_any_answers_can_be_compared(seen, data):
    """Whatever a student answers: an exception here would be a fault of the grader."""
    other = st.just(seen) | st.permutations(seen) | st.lists(ANSWERS, min_size=len(seen), max_size=len(seen))
    found = distance(seen, data.draw(other), data.draw(other))
    assert found >= 0
    assert distance(seen, seen, seen) in (0, math.inf)


def test_an_answer_whose_square_is_infinite_is_far_from_everything():
    assert distance([1e300], [1.0], [2.0]) == math.inf
    assert distance([1e300], [1e300], [2.0]) == 0
