"""What the wall costs: an honest submission graded behind it and without it, in turn, as a ratio.

Both are the real thing, Slot.grade on an exercise with its reference handed in. Behind the wall (tier A) a
worker is a confined fork of a warm template; without (`--no-sandbox`) it is a process of its own that imports
everything first, so the whole job is usually quicker behind the wall. What confinement itself costs shows in
the tests that find their worker running: the ratio of each one's times, of which the median is given. Prints
JSON.

    python benchmarks/wall_cost.py [--exercise rope] [--rounds 5]
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from contextlib import ExitStack, closing
from pathlib import Path

from grader.exercise import Exercise, read_exercise
from grader.job import Job, State
from grader.slot import Slot
from grader.wall.launch import Tier

ROOT = Path(__file__).parent.parent
TIERS: tuple[Tier, ...] = ("A", "none")
LEAST = 0.02  # seconds: what a shorter test takes is mostly noise


def grade(slot: Slot, exercise: Exercise) -> tuple[float, dict[str, float]]:
    """Grade the reference; return the seconds of the job, and of each test that was asked for nothing new."""
    source = exercise.reference_source()
    job = Job(exercise.name, "honest", "cpu", exercise.solution_files(source), seed=1, diagnose=False)
    begin = time.perf_counter()
    result = slot.grade(job)
    seconds = time.perf_counter() - begin
    if result.state is not State.GRADED:
        raise SystemExit(f"not graded: {result.fault or result.notice.en}")
    ordinary = {spec.name for spec in exercise.tests if not spec.fresh}
    return seconds, {t.name: t.seconds for t in result.tests if t.name in ordinary and t.fraction == 1}


def main() -> None:
    """Measure in turn and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--exercise", default="rope")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    exercise = read_exercise(ROOT / "exercises" / options.exercise)
    exercises = {exercise.name: exercise}
    jobs: dict[str, list[float]] = {tier: [] for tier in TIERS}
    tests: dict[str, list[dict[str, float]]] = {tier: [] for tier in TIERS}
    with ExitStack() as stack:
        slots = {
            tier: stack.enter_context(closing(Slot(tier, exercise.preload, "cpu", exercises)))
            for tier in TIERS
        }
        for slot in slots.values():  # the template starts, the reference is loaded
            grade(slot, exercise)
        for _ in range(options.rounds):
            for tier, slot in slots.items():
                seconds, each = grade(slot, exercise)
                jobs[tier].append(seconds)
                tests[tier].append(each)
    medians = {
        tier: {name: statistics.median(run[name] for run in runs if name in run) for name in runs[0]}
        for tier, runs in tests.items()
    }
    common = [name for name in medians["A"] if min(medians[t].get(name, 0) for t in TIERS) >= LEAST]
    print(json.dumps({
        "exercise": exercise.name,
        "rounds": options.rounds,
        "job_seconds": {tier: round(statistics.median(times), 3) for tier, times in jobs.items()},
        "job_ratio": round(statistics.median(a / b for a, b in zip(*jobs.values(), strict=True)), 3),
        "tests": len(common),
        "test_ratio": round(statistics.median(medians["A"][n] / medians["none"][n] for n in common), 3),
    }, indent=2))  # fmt: skip


if __name__ == "__main__":
    main()
