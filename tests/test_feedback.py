"""Measuring how well mistakes are named: what counts as right, as wrong, as no mistake at all."""

from dataclasses import replace

import pytest

from grader.diagnosis import Named
from grader.errors import ContentError
from grader.exercise import read_exercise
from grader.feedback import BY_HAND, MOVED, Feedback, Outcome, judge, made_by_hand, measure, moved
from grader.job import JobResult, State, Status, TestResult, Text
from grader.reports.feedback import feedback_text
from grader.wall.probe import best_tier

HARMLESS = '''"""Sum the other way round.

en: You sum the other way round.
zh: 你反着求和。
caught by: test_dot
"""


def dot(a, b):
    return (b * a).sum(-1)
'''
BY_HAND_FILE = """loops:
  one_length_for_all:
    row / (row.norm() or 1) for row in x: row / (x.norm() or 1) for row in x
"""


@pytest.fixture
def exercise(course):
    (course.exercise / "variants" / "mistakes.yaml").write_text(BY_HAND_FILE)
    return read_exercise(course.exercise)


def result(*tests, state=State.GRADED):
    return JobResult(
        "vectors", "x", "cpu", state, tests, fault="all is lost" if state != State.GRADED else ""
    )


def failed(name, hint):
    return TestResult(name, Status.FAILED, hint=hint)


@pytest.fixture
def judged(exercise):
    """Judge what a graft of the first mutant was told; hints are given by the mutants' places."""
    mutants = exercise.mutants()
    graft = moved(exercise, mutants[0], list(exercise.variant_sources().items()))[0]

    def hint(which, certain):
        return Named(tuple(mutants[i] for i in which), certain).hint if which else Text("own", "自己的")

    def judged(*shown):
        tests = [failed(name, hint(which, not more and len(which) == 1)) for name, which, *more in shown]
        return judge(mutants, graft, result(*tests)).outcome

    return judged


def test_what_counts_as_right(judged):
    assert judged(("test_normalise", [0])) is Outcome.RIGHT
    assert judged(("test_normalise", []), ("test_dot", [])) is Outcome.UNNAMED
    assert judged(("test_normalise", [0, 1])) is Outcome.HEDGED
    assert judged(("test_normalise", [0], "perhaps")) is Outcome.HEDGED
    assert judged(("test_normalise", [1], "perhaps")) is Outcome.UNNAMED
    assert judged(("test_normalise", [0]), ("test_angle", [1], "perhaps")) is Outcome.RIGHT
    assert judged(("test_normalise", [1])) is Outcome.WRONG
    assert judged(("test_normalise", [0]), ("test_angle", [1])) is Outcome.WRONG
    assert judged(("test_normalise", []), ("test_angle", [0])) is Outcome.UNNAMED  # not where it is due
    assert judged(("test_angle", [])) is Outcome.NOT_EXPRESSIBLE
    assert judged() is Outcome.NOT_EXPRESSIBLE


def test_a_job_that_could_not_be_graded_is_no_success(exercise):
    graft = next(made_by_hand(exercise))
    trial = judge(exercise.mutants(), graft, result(state=State.UNGRADED))
    assert (trial.outcome, trial.fault) == (Outcome.UNGRADED, "all is lost")


def test_the_experiment_on_the_tiny_exercise(course):
    """Two mistakes are named in a variant, one of them made by hand as well; a third is none."""
    (course.exercise / "variants" / "mistakes.yaml").write_text(BY_HAND_FILE)
    (course.exercise / "mutants" / "harmless.py").write_text(HARMLESS)
    exercise = read_exercise(course.exercise)
    found = measure([exercise], tier=best_tier().tier, device="cpu", slots=1, full=True, seed=5)
    assert [f.kind for f in found] == [MOVED, BY_HAND]
    outcomes = {t.graft.mutant.name: t.outcome for t in found[0].trials}
    assert outcomes == {
        "harmless": Outcome.NOT_EXPRESSIBLE,
        "one_length_for_all": Outcome.RIGHT,
        "sum_of_sizes": Outcome.RIGHT,
    }
    assert [t.outcome for t in found[1].trials] == [Outcome.RIGHT]
    assert all(f.good and f.share == 1 for f in found)
    text = feedback_text(found)
    assert "vectors, moved" in text
    assert "not expressible: harmless in loops" in text


def test_too_few_or_wrong_names_are_not_good(exercise):
    graft = next(made_by_hand(exercise))
    trials = [judge(exercise.mutants(), graft, result(failed("test_normalise", graft.mutant.hint)))] * 6
    unnamed = judge(exercise.mutants(), graft, result(failed("test_normalise", Text("own", "自己的"))))
    enough = Feedback(exercise, MOVED, (*trials, unnamed))
    assert enough.good
    assert not replace(enough, trials=(*trials[1:], unnamed)).good
    wrong = replace(unnamed, outcome=Outcome.WRONG)
    assert not replace(enough, trials=(*trials * 9, wrong)).good


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("loops:\n  one_length_for_all:\n    not there: x\n", "stands 0 times"),
        ("loops:\n  one_length_for_all:\n    row: x\n", "stands 4 times"),
        ("loops:\n  no_such:\n    row: x\n", "unknown key 'no_such'"),
        ("tables:\n  one_length_for_all:\n    row: x\n", "unknown key 'tables'"),
    ],
)
def test_a_mistake_that_cannot_be_made_is_an_error(course, text, problem):
    (course.exercise / "variants" / "mistakes.yaml").write_text(text)
    with pytest.raises(ContentError, match=problem):
        list(made_by_hand(read_exercise(course.exercise)))


def test_the_command_line_names_what_is_not_named_and_fails(course):
    """Three mistakes that no test can tell apart are named by none of their hints."""
    known = (course.exercise / "mutants" / "sum_of_sizes.py").read_text()
    for number in range(2):
        other = known.replace("en: ", f"en: {number} ").replace("zh: ", f"zh: {number} ")
        (course.exercise / "mutants" / f"other_{number}.py").write_text(other)
    done = course.grader("verify", "--feedback", "--seed", "5", "--slots", "1")
    assert done.returncode == ContentError.exit_code, done.stderr
    assert "vectors, moved" in done.stdout
    assert [f"vectors unnamed: other_{n} in loops" in done.stdout for n in range(2)] == [True, True]
