"""How the tests of an exercise are judged: one run over several broken or unusual copies of the tiny course.

What a submission does to a sound exercise is in tests/behaviours.
"""

import subprocess
import sys

import pytest

from grader.exercise import read_exercise
from grader.job import Job, State, Status, score_job
from grader.schedule import plan_slots, run_jobs
from grader.wall.probe import best_tier

HIDDEN = "hidden_tests/test_vectors.py"
A_TEST = (
    '    x = rng.normal(9)\n    assert_equal(student.largest(x, 3), reference.largest(x, 3), what="places")\n'
)
WRONG_NOTES = '''"""Add instead of multiplying.

en: You add where you should multiply.
zh: 你把相乘写成了相加。
caught by: test_notes
"""


def dot(a, b):
    return (a + b).sum(-1)
'''


def raises_always(course):
    course.edit(HIDDEN, A_TEST, "    raise ZeroDivisionError(str(student.largest(rng.normal(9), 3)))\n")


def fixture_fails(course):
    course.edit(HIDDEN, '    path = tmp_path / "vectors.txt"\n', "    path = tmp_path / missing\n")


def mistake_in_a_test_with_a_fixture(course):
    (course.exercise / "mutants" / "adds.py").write_text(WRONG_NOTES)


def function_without_row(course):
    with course.hidden_tests.open("a") as file:
        file.write("\n\ndef test_unheard_of(student):\n    student.Mean()\n")


def row_without_function(course):
    course.edit(HIDDEN, "def test_notes(", "def helper(")


def skip_mark(course):
    course.edit(HIDDEN, "def test_notes(", '@pytest.mark.skip(reason="later")\ndef test_notes(')


def import_fails(course):
    course.edit(HIDDEN, "import torch\n", "import torch\nimport no_such_module\n")


def sample_of_a_bonus_name(course):
    course.edit(
        "hidden_tests/samples.py",
        'Sample("dot", lambda m, a, b: m.dot',
        'Sample("angle", lambda m, a, b: m.angle',
    )


def process_above_is_killed(course):
    """As by a machine that is out of memory; only the student's, not that of our own solution after it."""
    kill = "test_largest.once = student._session._line._keeper.kill()"
    course.edit(HIDDEN, A_TEST, f"    if not vars(test_largest):\n        {kill}\n{A_TEST}")


CASES = {  # what is done to the exercise, who is graded
    "sound": (lambda course: None, "passes"),
    "raises_always": (raises_always, "passes"),
    "fixture_fails": (fixture_fails, "passes"),
    "mistake_in_a_test_with_a_fixture": (mistake_in_a_test_with_a_fixture, "wrong"),
    "function_without_row": (function_without_row, "passes"),
    "row_without_function": (row_without_function, "passes"),
    "skip_mark": (skip_mark, "passes"),
    "import_fails": (import_fails, "passes"),
    "sample_of_a_bonus_name": (sample_of_a_bonus_name, "passes"),
    "process_above_is_killed": (process_above_is_killed, "passes"),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory, make_course):
    """Results by case, and of a job that was asked for some tests only (`one test`)."""
    exercises, jobs = [], []
    for name, (change, who) in CASES.items():
        course = make_course(tmp_path_factory.mktemp(name) / "course", exercise=name)
        change(course)
        exercises.append(read_exercise(course.exercise))
        jobs.append(Job(name, who, "cpu", course.files(who), seed=1))
    some = Job("sound", "one test", "cpu", jobs[0].files, seed=1, tests=("test_normalise_zero_row",))
    plan = plan_slots(exercises, best_tier().tier, "cpu")
    found = list(run_jobs([*jobs, some], plan, slots=2))
    assert len(found) == len(jobs) + 1
    return {r.submission if r.submission == "one test" else r.exercise: r for r in found}


@pytest.mark.parametrize(
    ("case", "why"),
    [
        ("raises_always", "test_largest fails on our own solution"),
        ("fixture_fails", "missing"),
        ("function_without_row", "tests table and test functions disagree on: test_unheard_of"),
        ("row_without_function", "tests table and test functions disagree on: test_notes"),
        ("skip_mark", "test_notes"),
        ("import_fails", "no_such_module"),
        ("sample_of_a_bonus_name", "samples.py: a sample of angle, a bonus name, would cost required points"),
        ("process_above_is_killed", "killed from outside"),
    ],
)
def test_a_fault_of_the_course_costs_nobody_a_point(results, case, why):
    result = results[case]
    assert result.state is State.UNGRADED
    assert why in result.fault
    assert result.tests == ()


def test_a_mistake_is_named_where_the_test_has_a_fixture(results):
    """The replay on mutants comes after pytest has taken its fixtures back."""
    result = results["mistake_in_a_test_with_a_fixture"]
    assert result.state is State.GRADED, result.fault
    hints = {test.name: test.hint.en for test in result.tests}
    assert hints["test_notes"] == "You add where you should multiply."


def test_one_test_brings_its_prerequisites(results):
    assert [test.name for test in results["one test"].tests] == ["test_normalise", "test_normalise_zero_row"]
    assert {test.status for test in results["one test"].tests} == {Status.PASSED}


def test_margins_are_kept_for_the_instructor(results):
    margins = {test.name: test.margins for test in results["sound"].tests}
    assert all(0 <= ratio < 1 for _, ratio in margins["test_dot"])
    assert [what for what, _ in margins["test_dot_sizes"]] == [f"products of width {w}" for w in (1, 2, 33)]


def test_bonus_and_what_cannot_run_here_are_apart(results, course):
    score = score_job(read_exercise(course.exercise).tests, results["sound"])
    assert (score.points, score.maximum, score.bonus, score.ungradable) == (95, 95, 5, 5)


HURRIED = """
import sys
from pathlib import Path
from grader import plugin
from grader.exercise import read_exercise
from grader.job import Job
from grader.slot import Slot

plugin.JUDGING = plugin.LEAST_JUDGING = 0.5
exercise = read_exercise(Path(sys.argv[1]))
files = {exercise.solution_path: Path(sys.argv[2]).read_bytes()}
slot = Slot("A", exercise.preload, "cpu", {exercise.name: exercise})
result = slot.grade(Job(exercise.name, "one", "cpu", files, seed=1, tests=("test_largest",)))
slot.close()
print(result.state, *(test.status for test in result.tests), result.fault, sep="; ")
"""
SPINS = """    x = rng.normal(9)
    answer = student.largest(x, 3)
    while answer != reference.largest(x, 3):
        pass
"""


@pytest.mark.parametrize(
    ("answer", "ended"),
    [
        ("[7, 7, 7]", "graded; failed; \n"),
        ("x.argsort(descending=True)[:k].tolist()", "graded; passed; \n"),
    ],
)
def test_an_answer_that_takes_us_too_long_to_judge_is_at_fault(course, tmp_path, answer, ended):
    """Else it would hold the slot until that is given up, and end as ungraded."""
    course.edit(HIDDEN, A_TEST, SPINS)
    solution = tmp_path / "solution.py"
    right = course.files("passes")["exercises/vectors/solution.py"].decode()
    solution.write_text(f"{right}\n\ndef largest(x, k):\n    return {answer}\n")
    command = [sys.executable, "-c", HURRIED, str(course.exercise), str(solution)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout == ended, done.stderr
