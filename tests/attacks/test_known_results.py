"""What is known of a submission is never taken for another one, however alike the two are made to look."""

import os

import pytest


@pytest.fixture
def run(course):
    """Grade the tiny course, and return everybody's points."""

    def run_():
        done = course.grader("run", "--device", "cpu", "--slots", "1")
        assert done.returncode == 0, done.stderr
        return {name: job["score"]["points"] for name, job in course.scores().items()}, done.stdout

    return run_


def test_files_of_the_same_size_and_time_are_looked_into(course, run):
    course.submit("passes", "nan")
    solution = course.root / "submissions" / "passes" / "exercises" / "vectors" / "solution.py"
    before, _ = run()
    text, status = solution.read_text(), solution.stat()
    solution.write_text(text.replace("(a * b).sum(-1)", "(a - b).sum(-1)"))
    os.utime(solution, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert solution.stat().st_size == status.st_size
    after, said = run()
    assert after["passes"] < before["passes"]
    assert after["nan"] == before["nan"]
    assert "1 job to grade, 1 known already" in said or "1 jobs to grade, 1 known already" in said
    solution.write_text(text)
    again, said = run()
    assert again == before
    assert "0 jobs to grade" in said


def test_what_somebody_else_has_earned_is_not_earned_by_a_copy_of_the_folder(course, run):
    """A name is part of what a result is known by: swapped folders are graded again."""
    course.submit("passes", "nan")
    before, _ = run()
    folder = course.root / "submissions"
    (folder / "passes").rename(folder / "aside")
    (folder / "nan").rename(folder / "passes")
    (folder / "aside").rename(folder / "nan")
    after, _ = run()
    assert (after["passes"], after["nan"]) == (before["nan"], before["passes"])
