"""A test that needs what is not here leaves the maximum, and is graded again once it may be there."""

import json
import subprocess
import sys

import pytest

from grader.exercise import read_exercise
from grader.job import JobResult, State, Status, TestResult
from grader.plan import Conditions, Planner

# What a slot does on a machine without a compiler: the probe (tests/wall/test_trial.py) says so.
GRADE = """
import json, sys
from pathlib import Path
from grader import trial
from grader.exercise import read_exercise
from grader.job import Job
from grader.slot import Slot
from grader.wall.probe import best_tier

tried = []


def compiler_problem(wall):
    tried.append([worker for worker in wall._open if not worker.gone])
    return sys.argv[2] if len(tried) <= int(sys.argv[3]) else ""


trial.compiler_problem = compiler_problem
exercise = read_exercise(Path(sys.argv[1]))
files = exercise.solution_files(exercise.reference_source())
slot = Slot(best_tier().tier, exercise.preload, "cpu", {exercise.name: exercise})
for who in ("first", "second", "third"):
    result = slot.grade(Job(exercise.name, who, "cpu", files, seed=1))
slot.close()
found = {t.name: [t.status, t.message.en, t.message.zh] for t in result.tests}
print(json.dumps({"tests": found, "fault": result.fault, "tried": len(tried),
                  "beside": sum(map(len, tried))}))
"""


@pytest.fixture
def exercise(course):
    """An exercise with a test that needs a compiler, and one that builds on that test."""
    course.edit("exercise.yaml", "  test_largest:\n", "  test_largest:\n    needs: [compiler]\n")
    course.edit("exercise.yaml", "  test_mean:\n", "  test_mean:\n    requires: [test_largest]\n")
    return read_exercise(course.exercise)


def grade(exercise, problem, times=1000):
    """Grade on a slot where the first trials of the compiler end with this problem."""
    command = [sys.executable, "-c", GRADE, str(exercise.path), problem, str(times)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    told = json.loads(done.stdout)
    assert told["fault"] == ""
    return told


def test_without_a_compiler_nobody_loses_a_point(exercise):
    told = grade(exercise, "no g++")
    status, en, zh = told["tests"]["test_largest"]
    assert status == told["tests"]["test_mean"][0] == "ungradable"
    assert "apt-get install g++" in en
    assert "apt-get install g++" in zh
    assert told["tests"]["test_dot"][0] == "passed"
    assert told["tried"] == 2  # not once per submission


def test_with_a_compiler_the_test_is_graded(exercise):
    assert grade(exercise, "")["tests"]["test_largest"][0] == "passed"


def test_a_trial_that_fails_once_costs_nobody_after_it_anything(exercise):
    """Before, one bad moment was believed for ever, and that moment was one of a student's."""
    told = grade(exercise, "no g++", times=1)
    assert told["tests"]["test_largest"][0] == "passed"


def test_no_students_code_is_alive_when_a_compiler_is_looked_for(exercise):
    """Before, it was looked for when the first test needed it, beside all that the student had started."""
    told = grade(exercise, "no g++")
    assert told["beside"] == 0


@pytest.mark.parametrize(
    ("name", "final"),
    [
        ("test_largest", False),  # a compiler may have been installed
        ("test_mean", False),  # builds on it
        ("test_dot", False),  # was raced on a busy machine
        ("test_on_gpu", True),  # another device's business
    ],
)
def test_what_may_be_measured_next_time_is_not_taken_for_known(exercise, name, final):
    test = TestResult(name, Status.UNGRADABLE)
    result = JobResult(
        exercise.name, "x", "cpu", State.GRADED, (test, TestResult("test_notes", Status.PASSED))
    )
    assert Planner([exercise], Conditions("cpu", "A")).is_final(exercise, result) is final
