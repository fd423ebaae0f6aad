"""Exit codes of the real command line, and what a user reads beside them."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from grader import run
from grader.course import read_course
from grader.errors import WallError
from grader.wall.probe import Probe

WATCH = Path(__file__).parent / "behaviours" / "watch.py"
NO_NAMESPACES = """
for kind in user pid mnt net ipc; do
  echo 0 > /proc/sys/user/max_${kind}_namespaces || exit 99
done
exec "$@"
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["passes", "--fail-under", "100"], 0),
        (["passes", "crashes_half_way", "--fail-under", "85"], 1),
        (["crashes_half_way", "--fail-under", "84"], 0),
        (["missing_file", "--fail-under", "1"], 1),
    ],
)
def test_fail_under_counts_bonus_and_only_what_could_be_earned_here(behaviours_run, arguments, code):
    assert behaviours_run.course.grader("report", *arguments).returncode == code


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "pases"], "no submission named 'pases'; did you mean 'passes'?"),
        (["run", "-e", "vector"], "no exercise named 'vector'; did you mean 'vectors'?"),
        (["report", "zzz"], "no submission named 'zzz'; known: passes, wrong"),
        (["verify", "vektors"], "no exercise named 'vektors'; did you mean 'vectors'?"),
        (["run", "--slots", "0"], "Invalid value for '--slots'"),
        (["run", "--fail-under", "101"], "Invalid value for '--fail-under'"),
        (["run", "--no-such-option"], "No such option"),
    ],
)
def test_wrong_usage_is_2(course, arguments, message):
    course.submit("passes", "wrong")
    done = course.grader(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_without_a_course_is_2(tmp_path, course):
    done = subprocess.run(
        [course.command("run")[0], "run"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert f"no grader.yaml in {tmp_path} or above" in done.stderr


def test_a_broken_hidden_test_is_3_and_is_never_cached(course, tmp_path):
    course.submit("passes", "missing_file")
    marker = tmp_path / "broken"  # outside the exercise: the same job is broken first and then is not
    marker.touch()
    course.edit("hidden_tests/test_vectors.py", "import torch\n", "import torch\nfrom pathlib import Path\n")
    chained = "    mean.add(first).add(second)\n"
    broken = f"    1 / (not Path({str(marker)!r}).exists())\n"
    course.edit("hidden_tests/test_vectors.py", chained, chained + broken)
    done = course.grader("run", "passes", "missing_file", "--device", "cpu")
    assert done.returncode == 3
    assert "ZeroDivisionError" in done.stdout
    (log,) = (course.root / ".grader" / "log").iterdir()
    assert "passes vectors: ungraded" in log.read_text()
    assert "1 / (not Path(" in log.read_text()  # the line of the hidden test, for the instructor alone
    score = course.scores()["passes"]["score"]
    assert course.scores()["passes"]["state"] == "ungraded"
    assert (score["points"], score["maximum"], score["ungradable"]) == (0, 0, 100)
    assert course.scores()["missing_file"]["state"] == "missing"
    marker.unlink()
    again = course.grader("run", "passes", "--device", "cpu", "--fail-under", "100")
    assert (again.returncode, "1 jobs to grade, 0 known" in again.stdout) == (0, True)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("points: 20", "points: 19", "exercise.yaml:16: the points of required tests sum to 99, not to 100"),
        ("cpu: 3", "cpu: 0", "exercise.yaml:3: limit 'cpu' must be more than zero"),
        ("devices: [cuda]", "devices: [tpu]", "unknown device 'tpu'"),
        ("    fresh: true", "    frehs: true", "unknown key 'frehs' in test_mean"),
        ("requires: [test_normalise]", "requires: [test_mean]", "not an earlier row of the table"),
        ("preload: [torch]", "preload: [torch", "exercise.yaml:3: not valid YAML"),
    ],
)
@pytest.mark.parametrize("command", ["run", "list"])
def test_a_broken_manifest_is_4_with_file_and_line(course, command, old, new, message):
    course.edit("exercise.yaml", old, new)
    done = course.grader(command)
    assert done.returncode == 4
    assert message in done.stderr
    assert str(course.exercise / "exercise.yaml:") in done.stderr


def test_verify_is_4_and_names_the_problem(course):
    for folder in ("mutants", "variants"):
        shutil.rmtree(course.exercise / folder)
    shutil.copy(course.exercise / "reference" / "solution.py", course.exercise / "starter")
    done = course.grader("verify", "--seed", "1", "--device", "cpu")
    assert done.returncode == 4
    assert "PROBLEM starter (seed 1): gets" in done.stdout


def test_no_wall_is_5_and_nothing_is_run(course):
    course.submit("passes")
    command = [
        "unshare",
        "--user",
        "--map-root-user",
        "sh",
        "-c",
        NO_NAMESPACES,
        "sh",
        *course.command("run"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode in (1, 99, 126):
        pytest.skip(f"namespaces cannot be taken away here: {done.stderr}")
    assert done.returncode == 5, done.stderr
    assert "no sandbox can be built here; `grader doctor` says why" in done.stderr
    assert not (course.root / "reports").exists()


@pytest.mark.parametrize(
    ("required", "there", "fine"), [("A", "C", False), ("C", "C", True), ("auto", "C", True)]
)
def test_the_wall_is_never_weaker_than_required(course, monkeypatch, required, there, fine):
    """Which tiers there are is the machine's; only here is it pretended."""
    monkeypatch.setattr(run, "best_tier", lambda: Probe(there, ()))
    asked = replace(read_course(course.root), wall=required)
    if fine:
        assert run.choose_tier(asked, "cpu", no_sandbox=False) == there
    else:
        with pytest.raises(
            WallError, match="sandbox tier A or better is required, but only tier C works here"
        ):
            run.choose_tier(asked, "cpu", no_sandbox=False)


def watched(survivors, course):
    """Return the command that grades the course and writes what it leaves behind into a file."""
    run = course.command("run", "--slots", "1", "--device", "cpu")
    return [sys.executable, str(WATCH), str(survivors), *run]


def coordinator_of(process):
    """Return the process of the command that is watched."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return next(int(c) for c in children if b"run" in Path(f"/proc/{c}/cmdline").read_bytes().split(b"\0"))


def test_a_run_killed_at_once_leaves_no_process(course, tmp_path):
    survivors = tmp_path / "survivors"
    course.submit("changes_inputs", "hangs_in_call")
    process = subprocess.Popen(watched(survivors, course), stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        if line.startswith("[1/2]"):
            break
    os.kill(coordinator_of(process), signal.SIGKILL)
    process.communicate(timeout=300)
    assert survivors.read_text() == ""


def test_interrupted_twice_ends_at_once_whoever_is_told(course, tmp_path):
    """As by `timeout --signal INT`, or by somebody impatient: only the coordinator hears of it, and again."""
    survivors = tmp_path / "survivors"
    course.submit("changes_inputs", "hangs_in_call")
    course.edit("exercise.yaml", "{cpu: 3, wall: 8, call: 5,", "{cpu: 3, wall: 800, call: 500,")
    process = subprocess.Popen(
        watched(survivors, course), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    for line in process.stdout:
        if line.startswith("[1/2]"):
            break
    coordinator = coordinator_of(process)
    os.kill(coordinator, signal.SIGINT)
    time.sleep(0.2)
    with contextlib.suppress(ProcessLookupError):  # it may have ended by then
        os.kill(coordinator, signal.SIGINT)
    _, errors = process.communicate(timeout=300)
    assert (process.returncode, survivors.read_text()) == (130, "")
    assert "interrupted; what was graded is kept" in errors
    assert "Traceback" not in errors


def test_interrupted_is_130_and_the_next_run_goes_on(course, tmp_path):
    names, survivors = ("passes", "wrong", "wrong_shape"), tmp_path / "survivors"
    course.submit(*names)
    command = watched(survivors, course)
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    guard = threading.Timer(60, process.kill)
    guard.start()
    for line in process.stdout:
        if line.startswith("[1/3]"):
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does at Ctrl-C
            break
    _, errors = process.communicate(timeout=300)
    guard.cancel()
    assert (process.returncode, survivors.read_text()) == (130, "")
    assert "interrupted; what was graded is kept" in errors
    assert "Traceback" not in errors
    again = course.grader("run", *names, "--device", "cpu")
    assert again.returncode == 0
    known = int(again.stdout.partition(" jobs to grade, ")[2].partition(" known")[0])
    assert known >= 1
