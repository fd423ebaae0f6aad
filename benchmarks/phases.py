"""Where the time of a job goes: slots' own functions timed from outside, each moment counted once.

    python phases.py JOBS

JOBS is a JSON list of {course, exercise, submission, seed}. One slot in this process grades them after a
warm-up on the references. Prints JSON: CPU seconds per phase, of all jobs together.

A phase's time is what passes while it is the innermost one; `rules`, `kit` and `diagnosis` are whole: a
second grading's own pytest counts as kit. `student` is what workers use: the student's code, and their
end of the wire. CPU seconds, because they say the same on a busy machine.
"""

from __future__ import annotations

import argparse
import functools
import json
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from grader import checks
from grader.candidate import Candidate
from grader.course import find_course
from grader.exercise import Exercise
from grader.job import Job, JobResult
from grader.plugin import Case, Judge
from grader.remote.exposed import ExposedObject
from grader.remote.session import Session
from grader.run import choose_tier
from grader.schedule import plan_slots
from grader.slot import Desk, Slot
from grader.submission import snapshot
from grader.wall.worker import Worker

WHOLE = ("rules", "kit", "diagnosis")
TIMED: tuple[tuple[Any, str, str], ...] = (
    (Candidate, "_open", "template"),
    (Worker, "kill", "template"),
    (Candidate, "inspect", "rules"),
    (Desk, "_run_pytest", "pytest"),
    (Case, "run", "reference"),
    (Session, "_ask", "wire"),
    (ExposedObject, "call", "reference"),
    (Desk, "_second_round", "kit"),
    (Judge, "name_mistakes", "diagnosis"),
    *((checks, name, "comparison") for name in ("assert_close", "assert_equal", "assert_distribution")),
)


class Clock:
    """Counts every moment of this process, and what workers used, for the innermost phase."""

    def __init__(self) -> None:
        self.spent: Counter[str] = Counter()
        self._stack = ["other"]
        self._since = time.process_time()

    def turn(self) -> None:
        """Count what has passed since the last turn."""
        now = time.process_time()
        self.spent[self._stack[-1]] += now - self._since
        self._since = now

    def timed(self, function: Callable[..., Any], phase: str) -> Callable[..., Any]:
        """Return the function, its time counted."""

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
            self.turn()
            self._stack.append(self._stack[-1] if self._stack[-1] in WHOLE else phase)
            try:
                return function(*args, **kwargs)
            finally:
                self.turn()
                self._stack.pop()

        return call

    def take_in(self, worker: Worker) -> None:
        """Count what a worker has used in all; a worker of a whole phase is part of that."""
        outer = self._stack[-1] if self._stack[-1] in WHOLE else "student"
        self.spent[outer] += worker.cpu_seconds()


def main() -> None:
    """Grade and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", type=Path)
    jobs = json.loads(parser.parse_args().jobs.read_text())
    course = find_course(Path(jobs[0]["course"]))
    exercises = {e.name: e for e in course.exercises(tuple({job["exercise"] for job in jobs}))}
    plan = plan_slots(exercises.values(), choose_tier(course, "cpu", no_sandbox=False), "cpu")
    clock = Clock()
    for owner, name, phase in TIMED:
        setattr(owner, name, clock.timed(getattr(owner, name), phase))
    end = Worker._close

    def close(worker: Worker) -> None:
        clock.take_in(worker)
        end(worker)

    Worker._close = close  # type: ignore[method-assign]
    slot = Slot(plan.tier, plan.preload, "cpu", exercises)
    for name, exercise in exercises.items():
        files = exercise.solution_files(exercise.reference_source())
        slot.grade(Job(name, "warm-up", "cpu", files, jobs[0]["seed"]))
    clock.turn()
    clock.spent.clear()
    for job in jobs:
        grade(slot, course.submissions_path / job["submission"], exercises[job["exercise"]], job["seed"])
    clock.turn()
    slot.close()
    print(json.dumps(clock.spent))


def grade(slot: Slot, submission: Path, exercise: Exercise, seed: int) -> JobResult:
    """Grade one submission as a run does."""
    names = (*(a.name for a in exercise.ancestors), exercise.name)
    files = snapshot(submission, names).files
    return slot.grade(Job(exercise.name, submission.name, "cpu", files, seed))


if __name__ == "__main__":
    main()
