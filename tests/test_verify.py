"""Testing the tests of the tests: silent where all is right, and each kind of rot is named."""

import shutil

import pytest

from grader.exercise import SHARED_TESTS, STATIC_TESTS, TRIVIAL, read_exercise
from grader.job import Status
from grader.reports.verification import verification_text
from grader.verify import verify
from grader.wall.probe import best_tier

HARMLESS = '''"""Write the sum another way round.

en: You sum the other way round.
zh: 你反着求和。
caught by: test_dot, test_unheard_of
"""


def dot(a, b):
    return (b * a).sum(-1)
'''


SILENT = '''"""Say 0 to everything."""

import torch


def dot(a, b):
    return torch.zeros(a.shape[:-1])


def normalise(x):
    return x


def largest(x, k):
    return [0.0] * k


class Mean:
    def add(self, x):
        return self

    def value(self):
        return torch.zeros(3)

    def __len__(self):
        return 0
'''


def add_library(course, header="policy: off"):
    """Add a variant that calls what the exercise bans."""
    loops = (course.exercise / "variants" / "loops.py").read_text()
    own = "    return torch.stack([row / (row.norm() or 1) for row in x])\n"
    assert own in loops
    called = loops.replace(own, "    return torch.nn.functional.normalize(x, dim=-1)\n")
    text = called.replace("whole tensors.", f"whole tensors.\n\n{header}\n")
    (course.exercise / "variants" / "library.py").write_text(text)


def rot(course):
    """Break everything that verify has to notice, except for the null solutions."""
    (course.exercise / "mutants" / "harmless.py").write_text(HARMLESS)
    course.edit("variants/loops.py", "row / (row.norm() or 1)", "row / (row.norm() or 2) * 1.01")
    required = "    check(picked[0] >= picked[1]"
    course.edit(
        "hidden_tests/test_vectors.py", required, f"    student.angle(x[None], x[None]).item()\n{required}"
    )
    starter = course.exercise / "starter" / "solution.py"
    raises = "    raise NotImplementedError\n"
    starter.write_text(starter.read_text().replace(raises, "    return (a * b).sum(-1)\n", 1))
    course.edit(
        "starter/solution.py", "def largest(x: torch.Tensor, k: int)", "def largest(x: torch.Tensor, n: int)"
    )


def blunt(course):
    """Replace every test of the exercise by one that looks at nothing, and leave the null solutions alone."""
    table = [spec.name for spec in read_exercise(course.exercise).tests if spec.name not in SHARED_TESTS]
    tests = "".join(f"\n\ndef {name}(student):\n    str(student.Mean())\n" for name in table)
    course.hidden_tests.write_text(f'"""Tests that test nothing."""{tests}')
    for folder in ("public_tests", "variants", "mutants"):
        shutil.rmtree(course.exercise / folder)


@pytest.fixture(scope="module")
def problems(tmp_path_factory, make_course):
    """Problems by exercise, of one verification of sound, rotten and blunt exercises."""
    folder = tmp_path_factory.mktemp("verify")
    courses = {name: make_course(folder / name, exercise=name) for name in ("sound", "rotten", "blunt")}
    for name in ("sound", "blunt"):
        stubs = courses[name].exercise / "stubs"
        stubs.mkdir()
        (stubs / "silent.py").write_text(SILENT)
    add_library(courses["sound"])
    add_library(courses["rotten"], header="It calls what the exercise bans.")
    rot(courses["rotten"])
    blunt(courses["blunt"])
    exercises = [read_exercise(course.exercise) for course in courses.values()]
    found = verify(exercises, tier=best_tier().tier, device="cpu", slots=2, full=False, seed=7)
    return {v.exercise.name: v for v in found}


def test_silence_where_all_is_right(problems):
    assert problems["sound"].problems == ()
    assert set(problems["sound"].margins()) >= {"test_dot", "test_dot_sizes", "test_normalise", "test_mean"}
    assert all(0 <= margin < 0.5 for margin in problems["sound"].margins().values())


@pytest.mark.parametrize(
    "problem",
    [
        "mutant/harmless (seed 7): survives test_dot",
        "mutant/harmless (seed 7): names 'test_unheard_of', which is no test of the exercise",
        "variant/loops (seed 7): test_normalise is failed",
        "variant/library (seed 7): test_normalise is violation",
        "starter (seed 7): gets ",
        "bonus (seed 7): loses a required test to a bonus name, test_largest_steps: ",
        "starter/signatures (seed 7): differs from the reference: signature of largest",
    ],
)
def test_rot_is_named(problems, problem):
    assert [p for p in problems["rotten"].problems if p.startswith(problem)]


def test_a_library_is_judged_by_what_it_does_only(problems):
    (found,) = problems["sound"].of_kind("library")
    ended = {test.name: test.status for test in found.result.tests}
    assert ended["test_normalise"] is Status.PASSED
    assert not set(STATIC_TESTS) & set(ended)


def test_sound_mutants_of_a_rotten_exercise_are_still_caught(problems):
    assert not [p for p in problems["rotten"].problems if "sum_of_sizes" in p or "one_length" in p]


NULLS = (
    "zeros",
    "uninitialised",
    "nan",
    "constant",
    "identity",
    "input-returned",
    "uniform",
    "first-argument",
    "none",
)


@pytest.mark.parametrize("label", [*(f"null/{kind}" for kind in NULLS), "stub/silent"])
def test_tests_that_trivial_solutions_pass_are_named(problems, label):
    (problem,) = [p for p in problems["blunt"].problems if p.startswith(f"{label} (seed 7)")]
    assert "answers trivially and gets " in problem
    assert not [p for p in problems["sound"].problems if label in p]


def test_what_the_best_trivial_solution_earns_is_printed(problems):
    text = verification_text([problems["sound"]])
    assert f"the best of {len(NULLS) + 1} trivial solutions: " in text
    assert "the best of" in verification_text([problems["blunt"]])
    assert all(score.points <= TRIVIAL for score in problems["sound"].trivial().values())
