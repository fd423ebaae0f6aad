"""The floor: the CPU time of the students' own functions alone, measured in forks of a warm process.

    python floor.py JOBS --cores 2

JOBS is a JSON list of {plugin: what `in_process.InProcess` takes, tests: folders}. The exercises' tests have
run on the references before, so that no import, no first call of a kernel and no oracle counts as a
student's: less than this a grader cannot take that runs the same tests on the same code.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import pytest
import torch
from in_process import InProcess

OPTIONS = ("-q", "-p", "no:cacheprovider", "--import-mode=importlib", "-c", os.devnull, "--rootdir", "/")


def run(plugin: dict[str, object], tests: list[str]) -> None:
    """Run an exercise's tests on one submission in this process."""
    in_process = InProcess(**plugin)  # type: ignore[arg-type]
    in_process.load()
    pytest.main([*OPTIONS, *tests], plugins=[in_process])


def main() -> None:
    """Warm up, then fork once per job."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", type=Path)
    parser.add_argument("--cores", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    jobs = json.loads(arguments.jobs.read_text())
    for job in {job["plugin"]["exercise"]: job for job in jobs}.values():
        plugin = job["plugin"]
        run({**plugin, "student": plugin["answers"], "result": os.devnull}, job["tests"])
    running = 0
    for job in jobs:
        if running == arguments.cores:
            os.wait()
            running -= 1
        if os.fork() == 0:
            run(**job)
            os._exit(0)
        running += 1
    while running:
        os.wait()
        running -= 1


if __name__ == "__main__":
    sys.exit(main())
