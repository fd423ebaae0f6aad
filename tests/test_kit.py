"""One early mistake does not cost the exercises that build on it, and the report says where it is."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

GRADER = Path(sysconfig.get_path("scripts")) / "grader"
DOUBLE = "def double(x):\n    return 2 * x\n"
TOP = "from exercises.base.solution import double\n\n\ndef fourfold(x):\n    return double(double(x))\n\n\n"
EIGHT = "def eightfold(x):\n    return 8 * x\n"
ON_BASE = "from exercises.base.solution import double\n\n\n"
HANG = "def {}(x):\n    while True:\n        pass\n\n\n"
PSEUDOCODE = "### {0}\n```\nx [N] comes in\nit is multiplied\nthe product [N] goes out\n```\n"
NOTES = PSEUDOCODE.format("fourfold") + PSEUDOCODE.format("eightfold") + "## Changes\nnone\n"
TESTS = """
import torch
from grader.checks import assert_equal


def test_{name}(student, reference):
    x = torch.arange(4.0)
    assert_equal(student.{name}(x), reference.{name}(x), what="product")
"""
BASE_YAML = """
title: {en: Base, zh: 基础}
preload: [torch]
interface: {functions: [double]}
tests:
  test_double: {points: 100, title: {en: double, zh: 两倍}}
"""
TOP_YAML = """
title: {en: Top, zh: 进阶}
requires: [base]
preload: [torch]
limits: {call: 2}
interface: {functions: [fourfold, eightfold]}
tests:
  test_fourfold: {points: 60, title: {en: fourfold, zh: 四倍}}
  test_eightfold: {points: 30, title: {en: eightfold, zh: 八倍}}
shared: {test_import_policy: 4, test_pseudocode: 6}
"""
# name of the submission -> its files, the points of `top`, and what the student is told
CASES = {
    "right": (DOUBLE, TOP + EIGHT, 100, ""),
    "early_mistake": (DOUBLE.replace("2", "3"), TOP + EIGHT, 60 * 0.8 + 40, "Graded twice: 40 points"),
    "both_wrong": (DOUBLE.replace("2", "3"), TOP + EIGHT.replace("8", "7"), (60 + 10) * 0.8, "70 on the"),
    "own_mistake": (DOUBLE, TOP.replace("(double", "(1 + double") + EIGHT, 40, "the result is the same"),
    "missing": (None, TOP + EIGHT, 80, "exercises/base/solution.py, which your repository does not have"),
    "linked": (None, TOP + EIGHT, 80, "which your repository does not have"),
    "broken": ("1 / 0\n", TOP + EIGHT, 80, "the mistake above is in base"),
    "rules": ("import os\n" + DOUBLE, TOP + EIGHT, 80, "base/solution.py, line 1"),
    "early_hang": (HANG.format("double"), TOP + EIGHT, 60 * 0.8 + 40, "Graded twice: 40 points"),
    "two_hangs": (HANG.format("double"), TOP + HANG.format("eightfold"), (60 + 10) * 0.8, "70 on the"),
    "own_hang": (
        DOUBLE.replace("2", "3"),
        ON_BASE + HANG.format("fourfold") + HANG.format("eightfold"),
        0,
        "",
    ),
    "nothing": (
        None,
        TOP.replace("return", "return 0 *") + EIGHT.replace("8", "7"),
        0,
        "your repository does not have",
    ),
    "private": (
        DOUBLE.replace("2 * x", "_twice(x)") + "\n\ndef _twice(x):\n    return 3 * x\n",
        TOP.replace("import double", "import _twice, double") + EIGHT,
        40,
        "import only public names of base",
    ),
}


def write(root, files):
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


def exercise(name, yaml, solution, tests, notes):
    stub = "\n".join(
        f"def {f}(x):\n    raise NotImplementedError\n"
        for f in ("double", "fourfold", "eightfold")
        if f in solution
    )
    return {
        f"exercises/{name}/exercise.yaml": yaml,
        f"exercises/{name}/reference/solution.py": solution,
        f"exercises/{name}/reference/PSEUDOCODE.md": notes,
        f"exercises/{name}/starter/solution.py": stub,
        f"exercises/{name}/starter/PSEUDOCODE.md": "",
        f"exercises/{name}/hidden_tests/test_{name}.py": "".join(TESTS.format(name=t) for t in tests),
    }


@pytest.fixture(scope="module")
def stacked(tmp_path_factory):
    """A course of two exercises, one on top of the other."""
    root = tmp_path_factory.mktemp("stacked")
    write(root, {"grader.yaml": "title: {en: Stacked, zh: 叠加}\nexercises: [base, top]\n"})
    write(root, exercise("base", BASE_YAML, DOUBLE, ["double"], PSEUDOCODE.format("double")))
    write(root, exercise("top", TOP_YAML, TOP + EIGHT, ["fourfold", "eightfold"], NOTES))
    write(root, {"exercises/base/kit/solution.py": "def double(number):\n    return number + number\n"})
    (root / "submissions" / "linked" / "exercises" / "base").mkdir(parents=True)
    (root / "submissions" / "linked" / "exercises" / "base" / "solution.py").symlink_to("/etc/hostname")
    for name, (base, top, _, _) in CASES.items():
        files = {"exercises/top/solution.py": top, "exercises/top/PSEUDOCODE.md": NOTES}
        if base is not None:
            files["exercises/base/solution.py"] = base
        write(root / "submissions" / name, files)
    return root


def grader(root: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [str(GRADER), *arguments, "--course", str(root)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def jobs(stacked):
    """What scores.json says of `top`, by submission."""
    done = grader(stacked, "run", "-e", "top", "--device", "cpu", "--slots", "1")
    assert done.returncode == 0, done.stderr
    document = json.loads((stacked / "reports" / "scores.json").read_text(encoding="utf-8"))
    return {s["name"]: s["jobs"][0] for s in document["submissions"]}


@pytest.mark.parametrize("name", CASES)
def test_points_and_what_the_student_is_told(jobs, name):
    _, _, points, said = CASES[name]
    assert jobs[name]["score"]["points"] == pytest.approx(points)
    assert said in jobs[name]["notice"]["en"]
    assert bool(said) == bool(jobs[name]["notice"]["zh"])


def test_each_test_says_what_it_is_on_the_kit(jobs):
    fourfold, eightfold, *_ = jobs["both_wrong"]["tests"]
    assert (fourfold["outcome"], fourfold["kit"], fourfold["score"]["points"]) == ("failed", 1.0, 48.0)
    assert "the mistake is in your code of base" in fourfold["hint"]["en"]
    assert "counted: 80 %" in fourfold["message"]["en"]
    assert (eightfold["outcome"], eightfold["kit"], eightfold["score"]["points"]) == ("failed", 0.0, 0.0)
    assert "kit" not in eightfold["hint"]["en"] + eightfold["message"]["en"]


OPENED = """
import sys
from dataclasses import replace
from pathlib import Path
from grader.exercise import read_exercise
from grader.job import Job
from grader.slot import Slot
from grader.wall.probe import best_tier

exercise, submission = read_exercise(Path(sys.argv[1])), Path(sys.argv[2])
exercise = replace(exercise, limits=replace(exercise.limits, wall=4))
files = {str(path.relative_to(submission)): path.read_bytes() for path in submission.rglob("*.*")}
slot = Slot(best_tier().tier, exercise.preload, "cpu", {exercise.name: exercise})
really, opened = slot.wall.open, []
slot.wall.open = lambda limits: opened.append(limits) or really(limits)
result = slot.grade(Job(exercise.name, "x", "cpu", files, seed=1, diagnose=True))
slot.close()
tests = result.tests[:2]
print(*(f"{limits.wall:.0f}" for limits in opened), *(t.reason for t in tests), *(t.kit for t in tests))
"""


def test_the_kit_has_what_is_left_of_the_time_and_at_least_half_of_it(stacked):
    command = [sys.executable, "-c", OPENED, str(stacked / "exercises" / "top")]
    command.append(str(stacked / "submissions" / "own_hang"))
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    *walls, one, two, first, second = done.stdout.split()
    # Its calls hang for 2 s and 1 s, of 4 s in all; on the kit for 0.25 s each, of 2 s in all.
    assert (len(walls), walls[0], walls[2]) == (4, "4", "2")
    assert (one, two, first, second) == ("wall", "wall", "0.0", "0.0")


def test_what_was_right_is_not_tried_again(jobs):
    assert [t["kit"] for t in jobs["early_mistake"]["tests"]] == [1.0, None, None, None]
    assert jobs["right"]["kit"] is None


def test_junit_holds_both_scores(jobs, stacked):
    text = (stacked / "reports" / "junit" / "early_mistake.xml").read_text(encoding="utf-8")
    for name, value in (
        ("points", "88"),
        ("own_points", "40"),
        ("kit_points", "100"),
        ("kit_share.test_fourfold", "1"),
    ):
        assert f'name="{name}" value="{value}"' in text


def test_verify_proves_that_the_kit_carries_what_is_above_it(stacked, jobs):
    whole = grader(stacked, "verify", "--seed", "1", "--slots", "1")
    assert whole.returncode == 0, whole.stdout
    assert "kit" in whole.stdout
    assert "reference/on kits" in whole.stdout
    kit = stacked / "exercises" / "base" / "kit" / "solution.py"
    right = kit.read_text(encoding="utf-8")
    kit.write_text(DOUBLE.replace("2", "3"), encoding="utf-8")
    try:
        broken = grader(stacked, "verify", "--seed", "1", "--slots", "1")
    finally:
        kit.write_text(right, encoding="utf-8")
    assert broken.returncode == 4
    assert "PROBLEM kit" in broken.stdout
    assert "PROBLEM reference/on kits" in broken.stdout


def test_a_kit_that_does_not_load_is_our_fault(stacked, jobs):
    kit = stacked / "exercises" / "base" / "kit" / "solution.py"
    right = kit.read_text(encoding="utf-8")
    kit.write_text("1 / 0\n", encoding="utf-8")
    try:
        done = grader(stacked, "run", "early_mistake", "-e", "top", "--device", "cpu", "--slots", "1")
    finally:
        kit.write_text(right, encoding="utf-8")
    assert done.returncode == 3
    assert "the reference of top does not load on the kits" in done.stdout


def test_an_exercise_without_a_kit_carries_nothing(stacked):
    kit = stacked / "exercises" / "base" / "kit"
    kit.rename(kit.with_name("gone"))
    try:
        done = grader(stacked, "list")
    finally:
        kit.with_name("gone").rename(kit)
    assert done.returncode == 4
    assert "requires 'base', which has no kit/solution.py" in done.stderr


def test_exercises_that_build_on_each_other_are_refused(stacked):
    manifest = stacked / "exercises" / "base" / "exercise.yaml"
    right = manifest.read_text(encoding="utf-8")
    manifest.write_text(right + "requires: [top]\n", encoding="utf-8")
    try:
        done = grader(stacked, "list")
    finally:
        manifest.write_text(right, encoding="utf-8")
    assert done.returncode == 4
    assert "base -> top -> base" in done.stderr
