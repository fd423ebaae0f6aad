"""A run that is killed, in whole or in part, goes on where it stopped; a second run waits for the first."""

import json
import subprocess
import sys
from pathlib import Path

from grader.reports.wording import WAITING
from grader.store import Store

KILLS = Path(__file__).parent / "kills.py"


def test_kills_lose_nothing_and_nothing_is_done_twice():
    command = [sys.executable, KILLS, "--jobs", "30", "--kills", "4", "--seed", "4"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["problems"] == []


def test_a_second_run_waits_for_the_first_and_does_nothing_twice(course):
    names = ("passes", "wrong", "wrong_shape", "nan")
    course.submit(*names)
    command = course.command("run", "--device", "cpu", "--slots", "1")
    runs = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = [run.communicate(timeout=240)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    waited = [WAITING.en in text for text in said]
    assert sorted(waited) == [False, True]
    assert "0 jobs to grade, 4 known already" in said[waited.index(True)]
    with Store(course.root / ".grader" / "results.sqlite") as store:
        assert [len(store.history(name, "vectors")) for name in names] == [1, 1, 1, 1]
    assert set(course.scores()) == set(names)
