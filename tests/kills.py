"""Kill a run at random moments, start it again, and see that nothing is lost, torn or done twice.

Makes a course of many cheap jobs. Time and again it starts `grader run` and sends SIGKILL, at a moment drawn
at random, to one of: the whole process group (as a power cut does), the coordinator, a slot, a template.
After the last one it lets the run finish, and then looks at every stored result. Prints a summary; the
exit code is 1 if anything is wrong.

    python tests/kills.py [--jobs 200] [--kills 30] [--seed N]
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

from grader.job import State, Status
from grader.store import Store

BEHAVIOURS = Path(__file__).parent / "behaviours"
GRADER = Path(sysconfig.get_path("scripts")) / "grader"
KINDS = ("group", "coordinator", "slot", "template")
PATIENCE = 120.0  # seconds without any sign of life from a run


def make_course(folder, jobs):
    """Hand in many right solutions of the tiny course's exercise."""
    shutil.copytree(BEHAVIOURS / "course", folder)
    exercise = folder / "exercises" / "vectors"
    source = (BEHAVIOURS / "submissions" / "passes" / "solution.py").read_text()
    for index in range(jobs):
        mine = folder / "submissions" / f"student-{index:03}" / "exercises" / "vectors"
        mine.mkdir(parents=True)
        (mine / "solution.py").write_text(f"{source}\n# {index}\n")
        shutil.copy(exercise / "reference" / "PSEUDOCODE.md", mine)


class Run:
    """One `grader run` in a process group of its own; `graded` counts what it has said it graded."""

    def __init__(self, course, temporary):
        self.graded = 0
        self.said = []
        self.process = subprocess.Popen(
            [GRADER, "run", "--device", "cpu", "--slots", "2", "--course", course],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, "TMPDIR": str(temporary)},
        )
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self):
        for line in self.process.stdout:
            self.said.append(line)
            self.graded += line.startswith("[")

    @property
    def over(self):
        return self.process.poll() is not None

    def wait_for(self, graded):
        """Wait until it has graded so many more; False if it ended first."""
        goal, deadline = self.graded + graded, time.monotonic() + PATIENCE
        while self.graded < goal and not self.over:
            if time.monotonic() > deadline:
                raise SystemExit(f"nothing happens any more; the run said:\n{''.join(self.said[-20:])}")
            time.sleep(0.005)
        return not self.over

    def finish(self):
        """Wait for its end, as long as it gets on."""
        while self.wait_for(1):
            pass
        self.process.wait()
        self._listener.join(PATIENCE)
        return self.process.returncode


def descendants(root):
    """Return (pid, parent, command line) of everything below a process."""
    parents = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found, seen = [], {root}
    while below := [pid for pid, parent in parents.items() if parent in seen and pid not in seen]:
        for pid in below:
            seen.add(pid)
            with contextlib.suppress(OSError):
                found.append((pid, parents[pid], Path(f"/proc/{pid}/cmdline").read_bytes()))
    return found


def victims(run, kind):
    """Return what there is to kill of a kind."""
    if kind in ("group", "coordinator"):
        return [run.process.pid]
    below = descendants(run.process.pid)
    templates = [(pid, parent) for pid, parent, command in below if b"inside/template.py" in command]
    inner = {pid for pid, _ in templates}
    guards = [pid for pid, parent in templates if parent not in inner]
    if kind == "template":  # not the jobs below it: whoever kills those cannot be told from the student
        return [*guards, *(pid for pid, parent in templates if parent in guards)]
    return [parent for _, parent in templates if parent not in inner]


def strike(run, kind, dice):
    """Kill something of a kind; False if there is nothing of it."""
    with contextlib.suppress(ProcessLookupError):
        if found := victims(run, kind):
            (os.killpg if kind == "group" else os.kill)(dice.choice(found), signal.SIGKILL)
            return True
    return False


def torment(course, temporary, kinds, jobs, dice):
    """Run, kill, run again; then let it finish. Return the last run, what was struck, and how many runs."""
    struck, runs, current = Counter(), 0, None
    for left, kind in zip(range(len(kinds), 0, -1), kinds, strict=True):
        if current is None or current.over:
            current, runs = Run(course, temporary), runs + 1
        if dice.random() < 0.3:
            time.sleep(dice.uniform(0, 3))  # any moment, from its first
        else:
            current.wait_for(dice.randint(1, max(1, jobs // len(kinds))))
            time.sleep(dice.uniform(0, 0.3))
        struck[kind if strike(current, kind, dice) else f"no {kind} there"] += 1
        if kind in ("group", "coordinator"):
            current.finish()
        print(f"{left} to go: {kind}, {current.graded} graded in this run", file=sys.stderr)
    if current is None or current.over:
        current, runs = Run(course, temporary), runs + 1
    current.finish()
    return current, dict(struck), runs


def problems(course, jobs):
    """Yield what is wrong with the results in the store."""
    path = course / ".grader" / "results.sqlite"
    with closing(sqlite3.connect(path)) as database:
        if (answer := database.execute("PRAGMA integrity_check").fetchone()) != ("ok",):
            yield f"the database is damaged: {answer}"
    with Store(path) as store:
        for index in range(jobs):
            name = f"student-{index:03}"
            found = [s.result for s in store.history(name, "vectors") if s.result.state is State.GRADED]
            if len(found) != 1:
                yield f"{name}: {len(found)} results"
            for test in (test for result in found for test in result.tests):
                if test.status not in (Status.PASSED, Status.UNGRADABLE):
                    yield f"{name}: {test.name} {test.status} {test.reason}: {test.message.en}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=random.randrange(2**31))
    asked = parser.parse_args()
    dice, started = random.Random(asked.seed), time.monotonic()
    kinds = [KINDS[index % len(KINDS)] for index in range(asked.kills)]
    dice.shuffle(kinds)
    with tempfile.TemporaryDirectory() as folder:
        course, temporary = Path(folder) / "course", Path(folder) / "tmp"
        temporary.mkdir()
        make_course(course, asked.jobs)
        last, struck, runs = torment(course, temporary, kinds, asked.jobs, dice)
        again = Run(course, temporary)
        again.finish()
        wrong = list(problems(course, asked.jobs))
        if last.process.returncode or again.process.returncode:
            wrong.append(
                f"exit codes {last.process.returncode}, {again.process.returncode}: {last.said[-5:]}"
            )
        if f"0 jobs to grade, {asked.jobs} known already\n" not in again.said:
            wrong.append(f"the last run had something left to do: {again.said[:1]}")
        left = [
            path.name for path in temporary.iterdir() if not path.name.startswith("pymp-")
        ]  # Python's own
        print(json.dumps({
            "seed": asked.seed, "jobs": asked.jobs, "struck": struck, "runs": runs,
            "seconds": round(time.monotonic() - started, 1), "problems": wrong, "left_in_tmp": left,
        }, indent=2))  # fmt: skip
    return 1 if wrong or left else 0


if __name__ == "__main__":
    sys.exit(main())
