"""Naming a mistake: the one that explains what was answered, two where it may be either, never a guess."""

import pytest
import torch

from grader import diagnosis
from grader.diagnosis import Answers, Diagnosis, Enough, Named, Replay, Symptom, hints_in
from grader.graft import Mutant
from grader.job import Status, Text
from grader.verdict import PASSED, Verdict

WRONG = Verdict(Status.FAILED, Text("wrong", "不对"))
OTHER = Verdict(Status.FAILED, Text("otherwise wrong", "另一种不对"))
RIGHT = 0.0


def mutant(name, *caught_by, hint=""):
    hint = hint or f"hint of {name}"
    return Mutant(name, name, Text(hint, f"{hint}（中文）"), caught_by, "")


def raised(text):
    return Verdict(Status.ERROR, Text(f"your code raised {text}", f"你的代码抛出了 {text}"))


def symptom(test, answer, answers, verdict=WRONG):
    """Make the symptom of a test in which the student answered so, and each mutant as in `answers`."""

    def run(m, _most):
        known = RIGHT if m is None else answers.get(m.name, RIGHT)
        return known if isinstance(known, Replay) else Replay((known,), verdict)

    return Symptom(test, test, Replay((answer,), verdict), run)


def named(mutants, *symptoms, passed=frozenset()):
    """Return the names of mutants by test: a list where that is certain, a set where not."""
    found = Diagnosis(tuple(mutants)).of(symptoms, passed)
    return {test: (list if n.certain else set)(m.name for m in n.mutants) for test, n in found.items()}


def test_the_mutant_that_answers_the_same_is_named():
    answers = {"a": 1.0, "b": 2.0}
    mutants = [mutant("a", "test_x"), mutant("b", "test_x")]
    assert named(mutants, symptom("test_x", 2.0, answers)) == {"test_x": ["b"]}
    assert named(mutants, symptom("test_x", 3.0, answers)) == {}


def test_two_mistakes_that_look_alike_are_both_named_and_three_are_not():
    answers = dict.fromkeys("abc", 1.0)
    mutants = [mutant(name, "test_x") for name in "abc"]
    assert named(mutants[:2], symptom("test_x", 1.0, answers)) == {"test_x": {"a", "b"}}
    assert named(mutants, symptom("test_x", 1.0, answers)) == {}


def test_mutants_with_one_hint_are_one_mistake():
    mutants = [mutant("a", "test_x", hint="same"), mutant("b", "test_x", hint="same")]
    (found,) = Diagnosis(tuple(mutants)).of([symptom("test_x", 1.0, {"a": 1.0, "b": 1.0})]).values()
    assert found.certain
    assert found.hint.en == "same"


def test_the_nearer_mutant_is_named_alone():
    """A mistake that happens to be close is displaced by one that is far closer."""
    answers = {"a": 1.00001, "b": 1.05}
    mutants = [mutant("a", "test_x"), mutant("b", "test_x")]
    assert named(mutants, symptom("test_x", 1.0, answers)) == {"test_x": ["a"]}
    assert named(mutants[1:], symptom("test_x", 1.0, answers)) == {"test_x": ["b"]}
    assert named(mutants[1:], symptom("test_x", 1.2, answers)) == {}


def test_the_test_must_end_the_same_way():
    other = {"a": Replay((1.0,), OTHER)}
    assert named([mutant("a", "test_x")], symptom("test_x", 1.0, other)) == {}


def test_the_magnitude_of_an_error_and_its_explanation_may_differ():
    """Rounding moves 2.4e-1 to 2.5e-1; the answers themselves are compared anyway."""
    here, there = (
        Verdict(Status.FAILED, Text(f"logits: relative error {size}, allowed 1e-05. {more}", "不对"))
        for size, more in (("2e-01", "Only part is wrong: index 3"), ("3e-01", ""))
    )
    seen = Symptom("test_x", "test_x", Replay((1.0,), here), lambda m, _: Replay((1.0 if m else 0.0,), there))
    assert named([mutant("a", "test_x")], seen) == {"test_x": ["a"]}


def test_without_any_answer_only_an_exception_names_something():
    failed = Symptom("test_x", "test_x", Replay((), WRONG), lambda *_: Replay((), WRONG))
    assert named([mutant("a", "test_x")], failed) == {}
    here, there, other = (
        Replay((), raised(text)) for text in ("E: k (s.py:3, in f)", "E: k (s.py:9, in g)", "E: other")
    )
    assert named([mutant("a", "test_x")], Symptom("test_x", "test_x", here, lambda *_: there)) == {
        "test_x": ["a"]
    }
    assert named([mutant("a", "test_x")], Symptom("test_x", "test_x", here, lambda *_: other)) == {}


def test_one_mistake_that_explains_all_is_likelier_than_two():
    """It speaks for tests that it does not name, too; one that explains less gives way."""
    both, one = symptom("test_both", 1.0, {"a": 1.0}), symptom("test_one", 2.0, {"a": 2.0, "b": 2.0})
    mutants = [mutant("a", "test_both"), mutant("b", "test_one")]
    for symptoms in ([both, one], [one, both]):
        assert named(mutants, *symptoms) == {"test_both": ["a"], "test_one": ["a"]}
    assert named(mutants, one) == {"test_one": ["b"]}


def test_two_mistakes_at_once_are_both_found():
    first, second = symptom("test_1", 1.0, {"a": 1.0, "b": 9.0}), symptom("test_2", 2.0, {"a": 9.0, "b": 2.0})
    mutants = [mutant("a", "test_1"), mutant("b", "test_2")]
    assert named(mutants, first, second) == {"test_1": ["a"], "test_2": ["b"]}


def test_what_is_explained_is_not_looked_into_further():
    replayed = []

    def seen(test, answer, answers):
        def run(m, _most):
            replayed.append(m.name if m else "")
            return Replay((answers.get(m and m.name, 0.0),), WRONG)

        return Symptom(test, test, Replay((answer,), WRONG), run)

    mutants = [mutant("a", "test_unit"), mutant("b", "test_all")]
    symptoms = [seen("test_unit", 1.0, {"a": 1.0}), seen("test_all", 2.0, {"a": 2.0})]
    assert named(mutants, *symptoms) == {"test_unit": ["a"], "test_all": ["a"]}
    assert set(replayed) == {"", "a"}


def test_one_that_looks_alike_in_one_test_does_not_hide_the_right_one_of_another():
    """It is found first, and names the other test, too, where it answers otherwise."""
    first = symptom("test_first", 1.0, {"twin": 1.0, "right": 1.0})
    other = symptom("test_other", 2.0, {"twin": 5.0, "right": 2.0})
    mutants = [mutant("twin", "test_first", "test_other"), mutant("right", "test_other")]
    assert named(mutants, first, other) == {"test_first": ["right"], "test_other": ["right"]}


def test_of_two_that_look_alike_the_one_that_a_passed_test_would_have_caught_is_out():
    seen = symptom("test_x", 1.0, {"a": 1.0, "b": 1.0})
    mutants = [mutant("a", "test_x"), mutant("b", "test_x", "test_passed")]
    assert named(mutants, seen, passed={"test_passed"}) == {"test_x": ["a"]}
    assert named(mutants[1:], seen, passed={"test_passed"}) == {"test_x": {"b"}}


def test_what_a_test_it_names_speaks_against_is_not_certain():
    seen, other = symptom("test_x", 1.0, {"a": 1.0}), symptom("test_other", 5.0, {"a": 2.0})
    mutants = [mutant("a", "test_x", "test_other")]
    assert named(mutants, seen) == {"test_x": ["a"]}
    assert named(mutants, seen, other) == {"test_x": {"a"}}
    assert named(mutants, seen, passed={"test_other"}) == {"test_x": {"a"}}


def test_one_that_explains_more_but_contradicts_a_passed_test_may_be_meant_or_not():
    both, one = symptom("test_both", 1.0, {"a": 1.0, "b": 1.0}), symptom("test_one", 2.0, {"a": 2.0})
    mutants = [mutant("a", "test_both", "test_one", "test_passed"), mutant("b", "test_both")]
    found = named(mutants, both, one, passed={"test_passed"})
    assert found == {"test_both": {"a", "b"}, "test_one": {"a"}}


def test_a_mutant_is_replayed_once_for_all_students():
    runs = []
    found = Diagnosis((mutant("a", "test_x"),))
    for answer in (1.0, 2.0):

        def run(m, _most):
            runs.append(m and m.name)
            return Replay((1.0 if m else 0.0,), WRONG)

        found.of([Symptom("test_x", "test_x", Replay((answer,), WRONG), run)])
    assert runs == [None, "a"]


def test_a_replay_ends_where_it_can_be_like_the_students_no_more():
    """It is broken off with the first answer too many, and run again for one who answered more."""
    runs = []

    def student(*answers):
        def run(m, most):
            runs.append((m and m.name, most))
            given = (1.0, 2.0, 3.0, 4.0, 5.0) if m else (1.0, 2.0, 0.0, 0.0, 0.0)
            return (
                Replay(given[: most + 1], PASSED, whole=True, cut=True) if most < 5 else Replay(given, WRONG)
            )

        return Symptom("test_x", "test_x", Replay(answers, WRONG, whole=True), run)

    found = Diagnosis((mutant("a", "test_x"),))
    assert found.of([student(1.0, 2.0, 3.0)]) == {}
    assert found.of([student(1.0, 9.0)]) == {}
    assert runs == [(None, 3), ("a", 3)]
    assert list(found.of([student(1.0, 2.0, 3.0, 4.0, 5.0)])) == ["test_x"]
    assert runs[2:] == [(None, 5), ("a", 5)]
    assert found.of([student(1.0, 2.0, 3.0)]) == {}
    assert len(runs) == 4


def test_what_nothing_can_be_like_is_not_replayed():
    failed = Symptom("test_x", "test_x", Replay((), WRONG), lambda *_: pytest.fail("replayed"))
    assert named([mutant("a", "test_x")], failed) == {}


def test_answers_end_with_one_too_many():
    answers = Answers(2)
    answers.add("f", 1)
    answers.add("f", 2)
    answers.clue("a clue in the place of one", 1)
    with pytest.raises(Enough):
        answers.add("f", 4)
    assert not answers.whole


def test_what_time_did_not_allow_to_try_names_nothing(monkeypatch):
    monkeypatch.setattr(diagnosis, "SECONDS", -1.0)
    assert named([mutant("a", "test_x")], symptom("test_x", 1.0, {"a": 1.0})) == {}


def test_a_clue_stands_for_the_answers_it_replaces():
    answers = Answers()
    for value in (1, 2, 3):
        answers.add("f", value)
    answers.clue("both alike", 2)
    answers.clue("more", 0)
    assert answers.kept == [1, "both alike", "more"]


def test_what_a_clue_replaces_takes_no_room():
    answers = Answers()
    for _ in range(5):
        answers.add("f", torch.zeros(diagnosis.MOST_BYTES // 4 // 2))
        answers.clue("many zeros", 1)
    assert answers.kept == ["many zeros"] * 5


def test_a_hint_says_which_mistakes_it_names():
    a, b, c = mutants = [mutant(name) for name in ("a", "b", "c")]
    assert Named((a,), certain=True).hint == a.hint
    assert hints_in(a.hint, mutants) == ((a.hint,), True)
    perhaps, either = Named((a,), certain=False).hint, Named((a, c), certain=False).hint
    assert perhaps.en.startswith("This may be the reason")
    assert hints_in(perhaps, mutants) == ((a.hint,), False)
    assert hints_in(either, mutants) == ((a.hint, c.hint), False)
    assert hints_in(Text("a test's own hint", "测试自己的提示"), mutants) == ((), False)
    assert b.hint.zh in Named((a, b), certain=False).hint.zh


def test_answers_of_any_size_are_bounded():
    answers = Answers()
    answers.add("f", torch.zeros(diagnosis.MOST_BYTES // 4 + 1))
    assert answers.kept == []
