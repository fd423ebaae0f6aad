"""A machine lacks a protection: grading is refused, or the weaker wall announced; the doctor says why."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

WITHOUT = Path(__file__).parent / "without.py"


def run_without(name, command):
    return subprocess.run(
        [sys.executable, str(WITHOUT), name, *command],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.fixture
def graded(course):
    """Grade one honest submission on a machine without something; `wall` is what grader.yaml asks for."""
    course.submit("passes")
    manifest = course.root / "grader.yaml"

    def grade(name, wall):
        manifest.write_text(manifest.read_text().replace("wall: auto", f"wall: {wall}"))
        return run_without(name, course.command("run", "--device", "cpu", "--slots", "1")), course

    return grade


@pytest.mark.parametrize("name", ["landlock", "seccomp", "namespaces", "mount_setattr"])
def test_a_course_that_asks_for_the_full_wall_is_not_graded_without(graded, name):
    done, course = graded(name, "A")
    assert done.returncode == 5
    assert "sandbox tier A or better is required" in done.stderr
    assert "grader doctor" in done.stderr
    assert not (course.root / "reports").exists()


@pytest.mark.parametrize("name", ["landlock", "seccomp"])
def test_nothing_is_graded_without_what_every_wall_needs(graded, name):
    done, _ = graded(name, "auto")
    assert done.returncode == 5
    assert "no sandbox can be built here" in done.stderr


def test_without_namespaces_the_weaker_wall_is_announced(graded):
    done, course = graded("namespaces", "auto")
    assert done.returncode == 0, done.stderr
    (submission,) = json.loads((course.root / "reports" / "scores.json").read_text())["submissions"]
    assert submission["jobs"][0]["wall"] == "C"
    assert submission["jobs"][0]["score"]["points"] == 95


@pytest.mark.parametrize(
    ("name", "line", "tiers"),
    [
        ("landlock", "Landlock", {"A", "C"}),
        ("seccomp", "seccomp", {"A", "C"}),
        ("namespaces", "user namespaces", {"A"}),
    ],
)
def test_the_doctor_names_what_is_missing(name, line, tiers):
    program = "from grader.wall.probe import best_tier; import json; print(json.dumps(best_tier().details))"
    done = run_without(name, [sys.executable, "-c", program])
    missing = {found for found, fine, _ in json.loads(done.stdout) if not fine}
    assert missing - {"cgroups"} == {line, *(f"wall tier {tier}" for tier in tiers)}
