"""A run that is killed, in whole or in part, goes on where it stopped; a second run waits for the first."""

import json
import subprocess
import sys
from pathlib import Path

KILLS = Path(__file__).parent / "kills.py"


def test_kills_lose_nothing_and_nothing_is_done_twice():
    command = [sys.executable, KILLS, "--jobs", "30", "--kills", "4", "--seed", "4"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["problems"] == []
