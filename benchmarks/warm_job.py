"""How much a job costs beyond its tests: a warm worker against a cold `python -c "import torch"`.

Both are measured in turn, in one run. A job here is the real thing, Slot.grade on an exercise of one
test that asks for one number: snapshot inspected, worker opened and loaded, pytest run, worker killed.
Prints JSON. Goal: the job's median below 100 ms on 2 cores.

    python benchmarks/warm_job.py [--rounds 25]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from grader.exercise import Exercise, read_exercise
from grader.job import Job, State
from grader.slot import Slot
from grader.wall.probe import best_tier

MANIFEST = """\
title: {en: Nothing, zh: 无}
preload: [torch]
interface: {functions: [one]}
tests:
  test_one: {points: 100, title: {en: one, zh: 一}}
"""
SOLUTION = "def one() -> int:\n    return 1\n"
TEST = "def test_one(student):\n    assert student.one() == 1\n"


def make_exercise(folder: Path) -> Exercise:
    """Write an exercise that does next to nothing."""
    for part in ("reference", "starter", "hidden_tests"):
        (folder / part).mkdir(parents=True)
    for part in ("reference", "starter"):
        (folder / part / "solution.py").write_text(SOLUTION)
        (folder / part / "PSEUDOCODE.md").write_text("### one\n")
    (folder / "hidden_tests" / "test_nothing.py").write_text(TEST)
    (folder / "exercise.yaml").write_text(MANIFEST, encoding="utf-8")
    return read_exercise(folder)


def cold_import() -> float:
    """Time a new interpreter that imports torch."""
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", "import torch"], check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    return time.perf_counter() - started


def warm_job(slot: Slot, job: Job) -> float:
    """Time one job, less the time of its tests."""
    started = time.perf_counter()
    result = slot.grade(job)
    elapsed = time.perf_counter() - started
    if result.state is not State.GRADED or result.tests[0].fraction != 1:
        raise SystemExit(f"the job did not pass: {result}")
    return elapsed - sum(test.seconds for test in result.tests)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    rounds = parser.parse_args().rounds
    tier = best_tier().tier
    with tempfile.TemporaryDirectory() as folder:
        exercise = make_exercise(Path(folder) / "nothing")
        slot = Slot(tier, exercise.preload, "cpu", {exercise.name: exercise})
        job = Job(exercise.name, "nobody", "cpu", exercise.solution_files(SOLUTION))
        warm_job(slot, job)  # the template starts here
        pairs = [(warm_job(slot, job), cold_import()) for _ in range(rounds)]
        slot.wall.close()
    warm, cold = zip(*pairs, strict=True)
    print(json.dumps({
        "wall": tier,
        "rounds": rounds,
        "warm_job_ms": round(1000 * statistics.median(warm), 1),
        "warm_job_ms_range": [round(1000 * min(warm), 1), round(1000 * max(warm), 1)],
        "cold_import_torch_ms": round(1000 * statistics.median(cold), 1),
        "ratio_cold_to_warm": round(statistics.median(c / w for w, c in pairs), 1),
        "goal_ms": 100,
    }, indent=2))  # fmt: skip


if __name__ == "__main__":
    main()
