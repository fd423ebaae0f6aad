"""Test a student's own repository by its public tests: the engine that grades, and all there is to say.

Runs on every system: behind the wall where one can be built, as plain processes elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from grader.course import Course
from grader.errors import UngradedError
from grader.exercise import NOT_GRADED, Exercise
from grader.job import Job, State
from grader.refusal import without_running
from grader.reports.view import Row, make_row
from grader.reports.wording import Outcome
from grader.wall.choice import COMPILER, LINUX

if TYPE_CHECKING:
    from grader.slot import Slot
    from grader.submission import Hazard
    from grader.wall.launch import Tier

SEED = 0  # known to all, so that a check can be repeated
DEVICE = "cpu"


def chosen(course: Course, names: tuple[str, ...]) -> tuple[tuple[Exercise, ...], tuple[Exercise, ...]]:
    """Return the exercises to check, and those left out because nobody has begun them.

    Those named are checked in any case; where none has been begun, all are. Raises UsageError for an
    unknown name.
    """
    exercises = course.exercises(names)
    begun = tuple(e for e in exercises if names or _is_begun(course.root, e))
    return begun or exercises, tuple(e for e in exercises if begun and e not in begun)


def check(course: Course, exercises: Sequence[Exercise], *, no_sandbox: bool = False) -> Iterator[Row]:
    """Run the public tests of each exercise on the repository's own solution and yield how they ended."""
    from grader.slot import Slot

    preload = {module for e in exercises for module in e.preload}
    if not any(e.uses("compiler") for e in exercises):
        preload.discard(COMPILER)  # making it ready takes many seconds, and no public test needs it
    tier = choose_tier(no_sandbox=no_sandbox)
    slot = Slot(tier, sorted(preload), DEVICE, {e.name: e for e in exercises})
    try:
        for exercise in exercises:
            yield _check_one(slot, course.root, exercise)
    finally:
        slot.close()


def passes(row: Row) -> bool:
    """Say whether all that is required here passed; what this machine cannot run does not count."""
    fine = (Outcome.PASSED, Outcome.UNGRADABLE)
    return row.state is State.GRADED and all(c.outcome in fine or c.spec.bonus for c in row.cases)


def exit_code(rows: Sequence[Row]) -> int:
    """Return 3 if anything stayed ungraded through our fault, 0 if everything passes, else 1."""
    if any(row.state is State.UNGRADED for row in rows):
        return UngradedError.exit_code
    return 0 if all(map(passes, rows)) else 1


def choose_tier(*, no_sandbox: bool = False) -> Tier:
    """Return the strongest sandbox that works here, "none" where there is none to be had."""
    if no_sandbox or not LINUX:
        return "none"
    from grader.wall.probe import try_tier

    tiers: tuple[Tier, ...] = ("A", "C")
    return next((tier for tier in tiers if not try_tier(tier)), "none")


def _check_one(slot: Slot, root: Path, exercise: Exercise) -> Row:
    files, hazards = _read(root, [*(a.name for a in exercise.ancestors), exercise.name])
    result = without_running(root.name, exercise, files, hazards, DEVICE)
    if result is None:
        result = slot.grade(Job(exercise.name, root.name, DEVICE, files, SEED))
    return make_row(result, exercise.tests, exercise.title)


def _is_begun(root: Path, exercise: Exercise) -> bool:
    """Say whether the solution differs from the starter in more than line ends."""
    starter = exercise.starter_files()[exercise.solution_path]
    solution = root / exercise.solution_path
    return solution.is_file() and solution.read_bytes().split() != starter.split()


def _read(root: Path, names: Sequence[str]) -> tuple[Mapping[str, bytes], Sequence[Hazard]]:
    """Read what would be graded, and what would be refused."""
    if os.open in os.supports_dir_fd:
        from grader.submission import snapshot

        taken = snapshot(root, names)
        return taken.files, taken.hazards
    return dict(_read_by_path(root, names)), ()


def _read_by_path(root: Path, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Read the same files on a system that knows no safer way (Windows)."""
    for name in names:
        folder = root / "exercises" / name
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).parts
            if not NOT_GRADED.intersection(parts) and not any(part.startswith(".") for part in parts):
                yield "/".join(("exercises", name, *parts)), path.read_bytes()
        pseudocode = folder / "PSEUDOCODE.md"
        if pseudocode.is_file():
            yield f"exercises/{name}/PSEUDOCODE.md", pseudocode.read_bytes()
