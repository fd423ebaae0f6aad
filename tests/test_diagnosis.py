"""Naming a mistake: only by equal answers and an equal ending, and never by a guess between two."""

import pytest
import torch

from grader.diagnosis import Diagnosis, Replay, Symptom, same_answers
from grader.graft import Mutant
from grader.job import Status, Text
from grader.verdict import Verdict

WRONG = Verdict(Status.FAILED, Text("wrong", "不对"))
OTHER = Verdict(Status.FAILED, Text("otherwise wrong", "另一种不对"))


def mutant(name, *caught_by):
    return Mutant(name, name, Text(f"hint of {name}", f"{name} 的提示"), caught_by, "")


def symptom(test, answer, replays):
    """Make the symptom of a test in which the student answered so, and the mutants as in `replays`."""
    return Symptom(test, test, Replay((answer,), WRONG), lambda m: replays[m.name])


def named(mutants, *symptoms):
    return {test: found.name for test, found in Diagnosis(tuple(mutants)).of(symptoms).items()}


def test_the_mutant_that_answers_the_same_is_named():
    replays = {"a": Replay((1.0,), WRONG), "b": Replay((2.0,), WRONG)}
    mutants = [mutant("a", "test_x"), mutant("b", "test_x")]
    assert named(mutants, symptom("test_x", 2.0, replays)) == {"test_x": "b"}
    assert named(mutants, symptom("test_x", 3.0, replays)) == {}


def test_two_mistakes_that_look_alike_name_nothing():
    replays = {"a": Replay((1.0,), WRONG), "b": Replay((1.0,), WRONG)}
    mutants = [mutant("a", "test_x"), mutant("b", "test_x")]
    assert named(mutants, symptom("test_x", 1.0, replays)) == {}


def test_the_test_must_end_the_same_way():
    assert named([mutant("a", "test_x")], symptom("test_x", 1.0, {"a": Replay((1.0,), OTHER)})) == {}


def test_without_any_answer_nothing_is_named():
    silent = Symptom("test_x", "test_x", Replay((), WRONG), lambda _: Replay((), WRONG))
    assert named([mutant("a", "test_x")], silent) == {}


def test_a_mistake_that_was_found_explains_other_tests():
    """It settles a doubt, and speaks for tests that it does not name; one never found does not."""
    clear = symptom("test_clear", 1.0, {"a": Replay((1.0,), WRONG)})
    doubt = symptom("test_doubt", 2.0, {"a": Replay((2.0,), WRONG), "b": Replay((2.0,), WRONG)})
    unnamed = symptom("test_unnamed", 3.0, {"a": Replay((3.0,), WRONG), "b": Replay((3.0,), WRONG)})
    mutants = [mutant("a", "test_clear", "test_doubt"), mutant("b", "test_doubt")]
    assert named(mutants, clear, doubt, unnamed) == dict.fromkeys(
        ("test_clear", "test_doubt", "test_unnamed"), "a"
    )
    assert named(mutants, unnamed) == {}


def test_a_mutant_is_replayed_once_for_all_students():
    runs = []
    diagnosis = Diagnosis((mutant("a", "test_x"),))
    for answer in (1.0, 2.0):
        seen = Replay((answer,), WRONG)
        diagnosis.of(
            [Symptom("test_x", "test_x", seen, lambda m: runs.append(m.name) or Replay((1.0,), WRONG))]
        )
    assert runs == ["a"]


X = torch.arange(6.0).reshape(2, 3) + 1


@pytest.mark.parametrize(
    ("ours", "theirs", "same"),
    [
        (X, X * (1 + 1e-6), True),
        (X, X * 1.01, False),
        (X, X.double(), False),
        (X, X.flatten(), False),
        (X / 0, X / 0, True),
        (X * torch.nan, X * torch.nan, True),
        (X, X * torch.nan, False),
        (torch.zeros(3), torch.zeros(3), True),
        (X.long(), X.long() + 1, False),
        (X > 2, X > 3, False),
        ([1, "a", None], [1, "a", None], True),
        ([1, 2], (1, 2), False),
        ({"k": X}, {"k": X + 1}, False),
        (1, True, False),
        (1.0, 1.00001, True),
        (1.0, 1.001, False),
    ],
)
def test_answers_are_the_same_within_rounding(ours, theirs, same):
    assert same_answers((ours,), (theirs,)) is same


def test_another_number_of_answers_is_not_the_same():
    assert not same_answers((1, 2), (1,))
    assert not same_answers((), ())
