"""The throughput benchmark works, and what it compares with is fair: pytest gives the same verdicts."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TINY = ROOT / "tests" / "behaviours" / "course"
PHASES = {"template", "wire", "pytest", "reference", "comparison", "student"}


def test_all_is_measured_side_by_side(tmp_path):
    script = ROOT / "benchmarks" / "throughput.py"
    command = [
        sys.executable,
        str(script),
        "-n",
        "1",
        "--course",
        str(TINY),
        "-o",
        str(tmp_path / "out.json"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told == json.loads((tmp_path / "out.json").read_text())
    assert min(told[key] for key in ("speedup_over_pytest", "ratio_to_floor", "jobs_per_minute")) > 0
    assert told["peak_memory"]["grader_with_slots_and_workers"] > told["peak_memory"]["coordinator"] > 0
    assert told["phases_seconds_per_job"].keys() >= PHASES
    assert told["class"]["solutions"] == {"right": 1}
    agreed = told["verdicts_of_right_solutions"]
    assert agreed["tests"] > 15
    assert agreed["different"] == []


@pytest.fixture
def population(monkeypatch):
    """The module that makes the class."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import population

    return population


def test_a_class_is_mixed_as_it_says(population, course):
    from grader.course import find_course

    exercises = find_course(course.root).exercises()
    members = population.make_class(exercises, 20, seed=1)
    kinds = Counter(member.kind for member in members)
    assert kinds == {"mostly right": 12, "partly right": 5, "untouched": 2, "broken": 1}
    starter = (course.exercise / "starter" / "solution.py").read_text()
    untouched = [m.solutions["vectors"] for m in members if m.kind == "untouched"]
    assert all(solution.source == starter and not solution.right for solution in untouched)
    right = [m.solutions["vectors"] for m in members if m.solutions["vectors"].right]
    assert 0 < len(right) < 20
    assert population.make_class(exercises, 20, seed=1) == members
