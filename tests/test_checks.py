"""What hidden tests assert, against the answers that must not get through."""

import pytest
import torch

from grader.checks import (
    MOST_NUMBERS,
    MOST_ROWS,
    StudentRaised,
    WrongAnswer,
    WrongForm,
    assert_close,
    assert_distribution,
    assert_equal,
    bound_walks,
    chi_square,
    expect_raises,
    put_right,
    recording_margins,
)

RIGHT = torch.linspace(-1, 2, 24).reshape(4, 6)


def rejected(actual, expected=RIGHT, limit=1e-5):
    with pytest.raises(WrongAnswer) as error:
        assert_close(actual, expected, limit, what="output")
    return error.value.text.en


@pytest.mark.parametrize(
    ("actual", "why"),
    [
        (None, "output returned None: is a `return` missing?"),
        (1.0, "expected a tensor, got a float"),
        (torch.zeros(1), "shape [1], expected [4, 6]"),
        (RIGHT.double(), "dtype torch.float64, expected torch.float32"),
        (torch.full((4, 6), float("nan")), "24 of 24 values are NaN"),
        (RIGHT.clone().fill_(float("inf")), "infinite values where finite"),
        (torch.zeros(4, 6), "all zeros"),
        (torch.ones(4, 6), "one constant"),
        (-RIGHT, "except for its sign"),
        (RIGHT * 3, "except for one constant factor"),
        (RIGHT + torch.tensor([[0.0], [0.0], [1.0], [0.0]]), "index 2 of dimension 0"),
        (RIGHT * (1 + 2e-5 * torch.tensor([1.0, -1.0] * 3)), "Almost right"),
    ],
)
def test_wrong_answers_are_rejected_and_explained(actual, why):
    assert why in rejected(actual)


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (1.9, "relative error 2e-05, allowed 1e-05"),
        (1.04, "relative error a little over 1e-05, allowed 1e-05"),
        (1.3, "relative error 1.3e-05, allowed 1.0e-05"),
    ],
)
def test_an_error_and_its_limit_are_told_apart(factor, said):
    wrong = RIGHT.double() * (1 + factor * 1e-5 * torch.tensor([1.0, -1.0] * 3))
    assert said in rejected(wrong, RIGHT.double())


def test_one_wrong_value_among_many_right_ones_is_said_to_be_that():
    wrong = torch.ones(100, 100).double()
    expected = wrong.clone()
    wrong[3, 4] += 2e-4
    told = rejected(wrong, expected)
    assert "the largest single error is 2e-04 of a typical value, allowed 1e-04" in told


def test_shifted_and_transposed_outputs_are_recognised():
    noise = torch.randn(6, 6, generator=torch.Generator().manual_seed(0))
    assert "shifted by one along dimension 1" in rejected(noise.roll(1, 1), noise)
    assert "dimensions 0 and 1 are exchanged" in rejected(noise.T.contiguous(), noise)


def test_no_pattern_is_named_that_a_wide_limit_would_make_of_anything():
    """Of half-precision answers a third may be wrong and ten times the limit not reached."""
    source = torch.Generator().manual_seed(0)
    right, noise = (torch.randn(6, 40, generator=source) for _ in range(2))
    assert "constant factor" not in rejected(1.2 * right + 0.2 * noise, right, limit=3e-2)
    spoiled = right + 0.2 * noise
    spoiled[0] *= 3
    assert "Only part" not in rejected(spoiled, right, limit=3e-2)
    assert "constant factor" in rejected(1.2 * right + 0.02 * noise, right, limit=3e-2)
    spoiled = right.clone()
    spoiled[0] *= 3
    assert "index 0 of dimension 0" in rejected(spoiled, right, limit=3e-2)


def test_imaginary_parts_count():
    expected = torch.complex(RIGHT, RIGHT + 3)
    assert_close(expected.clone(), expected.conj().conj(), 1e-5, what="output")
    for wrong in (expected.conj(), torch.complex(RIGHT, torch.full_like(RIGHT, torch.nan))):
        rejected(wrong.resolve_conj(), expected)


def test_one_wrong_row_among_many_is_caught():
    expected = torch.ones(10_000, 4)
    actual = expected.clone()
    actual[17] = 1.001
    with pytest.raises(WrongAnswer):
        assert_close(actual, expected, 1e-5, what="rows")


def test_masked_positions_must_agree():
    expected = torch.tensor([1.0, -torch.inf, 2.0])
    assert_close(expected.clone(), expected, 1e-6, what="mask")
    assert "masked positions" in rejected(torch.tensor([1.0, 2.0, -torch.inf]), expected)


def test_messages_hold_no_expected_value():
    assert "1.2345" not in rejected(torch.zeros(4, 6), torch.full((4, 6), 1.2345))


def test_a_float32_answer_is_compared_with_a_float64_oracle():
    with recording_margins() as margins:
        assert_close(RIGHT, RIGHT.double(), 1e-6, what="output", dtype=torch.float32)
    assert margins[0][1] < 0.5


@pytest.mark.parametrize(
    ("actual", "expected", "why"),
    [
        (True, 1, "expected an int, got a bool"),
        ([1, 2], [1, 2, 3], "length 2, expected 3"),
        ([1, 9, 3], [1, 2, 3], "wrong from position 1 on"),
        (torch.tensor([1, 2]), torch.tensor([1, 3]), "1 of 2 values are wrong"),
        (torch.tensor([1.0]), torch.tensor([1]), "dtype torch.float32"),
    ],
)
def test_equality_is_of_type_and_value(actual, expected, why):
    with pytest.raises(WrongAnswer, match=why.replace("[", r"\[")):
        assert_equal(actual, expected, what="tokens")


@pytest.mark.parametrize(
    ("answer", "like"),
    [
        (RIGHT[:, None], RIGHT),
        (RIGHT[None, :, :, None], RIGHT),
        (RIGHT[0], RIGHT[:1]),
        (RIGHT.double(), RIGHT),
        (RIGHT.float(), RIGHT.bfloat16()),
        (RIGHT[:, None].double(), RIGHT),
        (torch.tensor([[3, 4]], dtype=torch.int32), torch.tensor([3, 4])),
        (RIGHT, RIGHT),
    ],
)
def test_a_wrong_form_is_put_right(answer, like):
    right = put_right(answer, like)
    assert right.dtype == like.dtype
    assert torch.equal(right, like)


@pytest.mark.parametrize(
    ("answer", "like"),
    [
        (RIGHT.T, RIGHT),  # an axis elsewhere is a wrong value, also where the sizes would fit
        (RIGHT.reshape(6, 4), RIGHT),
        (RIGHT.flatten(), RIGHT),
        (RIGHT[:2], RIGHT),
        (torch.stack((RIGHT, RIGHT)), RIGHT),
        (RIGHT[:, 0], RIGHT),
        (RIGHT.half(), RIGHT),  # precision that is lost
        (RIGHT.bfloat16(), RIGHT.half()),
        (RIGHT.long(), RIGHT),
        (RIGHT, RIGHT.long()),
        (RIGHT > 0, RIGHT.long()),
        (RIGHT.to(torch.complex64), RIGHT),
        (RIGHT.tolist(), RIGHT),
        (None, RIGHT),
    ],
)
def test_nothing_else_is_put_right(answer, like):
    with pytest.raises(WrongAnswer):
        assert_equal(put_right(answer, like), like, what="output")


def test_what_is_put_right_is_judged_as_strictly():
    for wrong in (RIGHT * (1 + 3e-5), RIGHT.half().double(), RIGHT.flip(0)):
        rejected(put_right(wrong.double()[:, None], RIGHT))


def test_an_exception_is_matched_by_the_names_of_its_classes():
    error = StudentRaised()
    error.mro = ("MyError", "ValueError", "Exception")
    with expect_raises("ValueError"):
        raise error
    with pytest.raises(WrongAnswer, match="MyError was raised"), expect_raises("KeyError"):
        raise error
    with pytest.raises(WrongAnswer, match="nothing was raised"), expect_raises("KeyError"):
        pass


def sampler(probs, n=20_000):
    return lambda i: torch.multinomial(probs, n, True, generator=torch.Generator().manual_seed(i))


def test_a_right_sampler_passes_and_a_wrong_one_does_not():
    probs = torch.tensor([0.5, 0.3, 0.2, 0.0])
    assert_distribution(sampler(probs), probs, what="sample")
    for wrong in ([0.4, 0.4, 0.2, 0.0], [0.5, 0.3, 0.19, 0.01]):
        with pytest.raises(WrongAnswer):
            assert_distribution(sampler(torch.tensor(wrong)), probs, what="sample")


@pytest.mark.parametrize(
    "tokens", [None, torch.tensor([]), torch.tensor([9]), torch.tensor([-1]), torch.zeros(3)]
)
def test_odd_tokens_are_wrong_answers(tokens):
    with pytest.raises(WrongAnswer):
        assert_distribution(lambda i: tokens, torch.tensor([0.5, 0.5]), what="sample")


def test_chi_square_agrees_with_the_textbook():
    # statistic (10^2 + 10^2) / 50 = 4 with one degree of freedom: p = 0.0455
    p = chi_square(torch.tensor([60.0, 40.0]).double(), torch.tensor([50.0, 50.0]).double())
    assert p == pytest.approx(0.0455, abs=1e-4)


def test_an_answer_becomes_no_more_objects_than_anybody_looks_at():
    class Bounded(torch.Tensor):
        pass

    bound_walks(Bounded)
    few = torch.arange(3).as_subclass(Bounded)
    assert [int(x) for x in few] == few.tolist() == [0, 1, 2]
    assert torch.tensor(1.5).as_subclass(Bounded).tolist() == 1.5
    for many in (torch.empty(MOST_ROWS + 1, 0), torch.zeros(MOST_ROWS + 1)):
        with pytest.raises(WrongForm, match="one by one"):
            _, *_ = many.as_subclass(Bounded)
    with pytest.raises(WrongForm, match="one by one"):
        torch.zeros(2, MOST_NUMBERS).as_subclass(Bounded).tolist()
