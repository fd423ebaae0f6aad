"""Measure whether the memory of the coordinating process grows with the class.

    python benchmarks/memory.py [--submissions 100 1000] [--jobs 12]

For each size it makes a class and measures the largest resident memory of the process that plans, hands out
and stores: in a run that grades everything anew, until some jobs are done, and in one that finds everything
known and writes all reports. Prints JSON, in MiB.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from measure import run
from regrade import GRADER, fill, make_course

EXERCISES = ("sampling", "rope")  # short ones
WAIT = 300.0  # seconds for the first jobs


def while_grading(course: Path, jobs: int) -> float:
    """Return the memory of a run that has graded so many jobs and has all the others waiting; it is ended."""
    command = [str(GRADER), "run", "--course", str(course), "--device", "cpu", "--fresh"]
    command += [part for name in EXERCISES for part in ("-e", name)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )
    assert process.stdout
    try:
        until = time.monotonic() + WAIT
        for line in process.stdout:
            if line.startswith(f"[{jobs}/"):
                return peak(process.pid)
            if time.monotonic() > until:
                break
        raise SystemExit(f"{jobs} jobs did not end within {WAIT:.0f} s")
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def peak(pid: int) -> float:
    """Return the largest resident memory that a process has had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:"))


def where_all_is_known(course: Path, folder: Path) -> float:
    """Return the memory of a run that finds everything known and writes all reports."""
    command = [str(GRADER), "run", "--course", str(course), "--device", "cpu"]
    cost = run(command, output=folder / "known.txt")
    if cost.code or "0 jobs to grade" not in (folder / "known.txt").read_text():
        raise SystemExit((folder / "known.txt").read_text()[-2000:])
    return cost.own_memory


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--submissions", type=int, nargs="+", default=[100, 1000], metavar="N")
    parser.add_argument("--jobs", type=int, default=12, help="graded before a run is looked at")
    asked = parser.parse_args()
    found = {}
    for n in asked.submissions:
        with tempfile.TemporaryDirectory() as folder:
            course = make_course(Path(folder) / "course", n)
            grading = while_grading(course.root, asked.jobs)
            fill(course)
            known = where_all_is_known(course.root, Path(folder))
            found[n] = {"while_grading": round(grading, 1), "all_known_and_reports": round(known, 1)}
    print(json.dumps({"unit": "MiB", "by_submissions": found}, indent=2))


if __name__ == "__main__":
    main()
