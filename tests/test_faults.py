"""What fails on our side: the job is tried again, then ungraded; nobody loses a point, and a log says why."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grader.errors import UngradedError, UsageError
from grader.faults import FaultLog
from grader.store import Store

WATCH = Path(__file__).parent / "behaviours" / "watch.py"
PATIENCE = 90  # seconds: a bound for what hangs, not a measurement
SLOW = """

import threading

product = dot


def dot(a, b):
    threading.Event().wait(0.1)
    return product(a, b)
"""


def submit_slow(course, *names):
    """Hand in the right solution, which takes its time, under some names."""
    course.submit("passes")
    first = course.root / "submissions" / "passes"
    for name in names:
        shutil.copytree(first, first.with_name(name))
        with (first.with_name(name) / "exercises" / "vectors" / "solution.py").open("a") as file:
            file.write(SLOW)
    shutil.rmtree(first)


def start(course, survivors, *options):
    """Start `grader run` on one slot, which writes what it leaves behind into `survivors`."""
    command = course.command("run", "--slots", "1", "--device", "cpu", *options)
    return subprocess.Popen(
        [sys.executable, str(WATCH), str(survivors), *command],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def ended(process):
    try:
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    return process.returncode, out, err


def wait_for_line(process, beginning):
    for line in process.stdout:
        if line.startswith(beginning):
            return
    pytest.fail(f"no line begins with {beginning!r}: {process.communicate()[1]}")


# ------------------------------------------------------------------------------ processes that die
def children(pid):
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            yield from map(int, (task / "children").read_text().split())


def below(pid):
    """Return (pid, parent) of all descendants, nearest first."""
    level = [(child, pid) for child in children(pid)]
    return level + [found for child, _ in level for found in below(child)]


def runs(pid, what):
    with contextlib.suppress(OSError):
        return what in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def working(process, but=0):
    """Wait until a job is under way, on another template than `but`; its guard, slot and fork server."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        parents = dict(below(process.pid))
        for guard, slot in parents.items():  # a slot is a fork of the fork server, under the same name
            ours = runs(guard, b"inside/template.py") and runs(slot, b"multiprocessing.forkserver")
            if ours and guard != but and len(below(guard)) >= 3:  # the template, and two processes of a job
                return guard, slot, parents[slot]
        time.sleep(0.02)
    return pytest.fail("no job was begun")


@pytest.fixture(scope="module")
def killed(tmp_path_factory, make_course):
    """A run whose jobs each lose a process of ours in turn: the template, the slot, the fork server."""
    course = make_course(tmp_path_factory.mktemp("faults") / "course")
    submit_slow(course, "ada", "bo", "cy")
    survivors = course.root / "survivors"
    process, guard = start(course, survivors), 0
    for kind in range(3):
        found = working(process, guard)
        guard = found[0]
        os.kill(found[kind], signal.SIGKILL)
    return course, ended(process), survivors.read_text()


def test_who_loses_a_process_of_ours_loses_nothing(killed):
    course, (code, _, err), survivors = killed
    assert (code, survivors) == (0, ""), err
    scores = course.scores()
    assert sorted(scores) == ["ada", "bo", "cy"]
    assert {job["state"] for job in scores.values()} == {"graded"}
    (earned,) = {job["score"]["points"] for job in scores.values()}
    assert earned > 90


def test_the_log_says_what_was_tried_again(killed):
    course, (_, out, _), _ = killed
    (log,) = (course.root / ".grader" / "log").iterdir()
    assert str(log) in out
    assert log.stat().st_mode & 0o777 == 0o600
    text = log.read_text()
    assert text.count(": tried again\n") == 3
    assert "\ngrader.errors." in text  # how the job ended whose template went, wherever it was just then
    assert text.count("the process grading this job died") == 2
    assert "ungraded" not in text


def test_ctrl_c_twice_ends_at_once_and_keeps_what_is_done(course, tmp_path):
    submit_slow(course, "ada", "bo", "cy")
    process = start(course, tmp_path / "survivors")
    wait_for_line(process, "[1/3]")
    for _ in range(3):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.03)
    code, _, err = ended(process)
    assert (code, (tmp_path / "survivors").read_text()) == (130, "")
    assert "interrupted; what was graded is kept" in err
    assert "Traceback" not in err
    with Store(course.root / ".grader" / "results.sqlite") as store:
        assert [stored.result.state for stored in store.latest()] == ["graded"]


# ------------------------------------------------------------------------------------- full disks
@pytest.fixture
def small_disk():
    """Return a function that puts a disk of so many KiB at a folder."""
    mounted = []

    def mount(folder, size):
        folder.mkdir(parents=True, exist_ok=True)
        for rights in ([], ["sudo", "-n"]):
            place = ["-o", f"size={size}k,mode=0777", "tmpfs", str(folder)]
            with contextlib.suppress(OSError):
                if not subprocess.run([*rights, "mount", "-t", "tmpfs", *place], check=False).returncode:
                    mounted.append([*rights, "umount", str(folder)])
                    return
        pytest.skip("no disk can be mounted here")

    yield mount
    for command in mounted:
        subprocess.run(command, check=True)


def fill(folder):
    """Write until there is no room left; return the file."""
    with (folder / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1024))
    return folder / "filler"


def test_a_disk_that_fills_up_loses_no_result_that_was_stored(course, tmp_path, small_disk):
    submit_slow(course, "ada", "bo")
    small_disk(course.root / ".grader", 2048)
    process = start(course, tmp_path / "survivors")
    wait_for_line(process, "[1/2]")
    filler = fill(course.root / ".grader")
    code, _, err = ended(process)
    assert (code, (tmp_path / "survivors").read_text()) == (3, ""), err
    assert one_line(err)
    assert "the disk is full; make room and run again: what is stored is kept" in err
    filler.unlink()
    assert course.grader("report").returncode == 0
    before = course.scores()
    assert [job["state"] for job in before.values()] == ["graded"]
    small_disk(course.root / "reports" / "junit", 4)
    reported = course.grader("report", "--lang", "zh")
    assert reported.returncode == 3
    assert one_line(reported.stderr)
    assert "No space left on device; the results are kept" in reported.stderr
    assert course.scores() == before


def one_line(err):
    return err.startswith("grader: ") and err.count("\n") == 1


# ------------------------------------------------------------------------------- stores, the course
STORES = {
    "damaged": (b"SQLite format 3\0 and no more", "damaged or not a database"),
    "of a folder": (None, "check that the folder exists, is writable and has room"),
}


@pytest.mark.parametrize("what", STORES)
def test_a_store_that_cannot_be_used_is_3_in_one_line(course, what):
    content, says = STORES[what]
    store = course.root / ".grader" / "results.sqlite"
    store.parent.mkdir()
    store.mkdir() if content is None else store.write_bytes(content)
    done = course.grader("report")
    assert done.returncode == 3
    assert one_line(done.stderr)
    assert says in done.stderr
    assert not (course.root / "reports").exists()


def test_a_reference_slower_than_its_limit_costs_nobody_a_point(course):
    course.submit("odd_answers")  # of which one test can make nothing: so the reference is asked
    course.edit("exercise.yaml", "call: 5", "call: 1")
    course.edit("reference/solution.py", "import torch\n", "import threading\n\nimport torch\n")
    answer = "    return x.topk(k).indices.tolist()\n"
    course.edit("reference/solution.py", answer, f"    threading.Event().wait(1.5)\n{answer}")
    done = course.grader("run", "--device", "cpu")
    assert done.returncode == 3, done.stderr
    job = course.scores()["odd_answers"]
    assert job["state"] == "ungraded"
    assert job["score"] == {"points": 0, "maximum": 0, "bonus": 0, "ungradable": 100}
    (log,) = (course.root / ".grader" / "log").iterdir()
    assert "does not pass on the reference: your code did not answer in time" in log.read_text()
    assert "odd_answers vectors: tried again" in log.read_text()
    assert "odd_answers vectors: ungraded" in log.read_text()


# --------------------------------------------------------------------------------------- the log
def test_what_nobody_foresaw_is_one_line_and_a_traceback_in_the_log(tmp_path):
    with pytest.raises(UngradedError, match="a fault of the grader") as caught, FaultLog(tmp_path) as log:
        raise ZeroDivisionError("\x1b[2J::error::")
    assert str(caught.value).isprintable()
    assert str(log.path) in str(caught.value)
    assert "ZeroDivisionError: \\x1b[2J: :error: :" in log.path.read_text()


def test_what_was_foreseen_is_no_fault(tmp_path):
    with pytest.raises(UsageError), FaultLog(tmp_path / "log"):
        raise UsageError("no such thing")
    assert not (tmp_path / "log").exists()


def test_a_log_that_cannot_be_written_stops_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    log = FaultLog(tmp_path / "file")
    log.add("somebody", "something")
    assert not log.written
    with pytest.raises(UngradedError, match="ZeroDivisionError"), log:
        raise ZeroDivisionError


def test_old_logs_go(tmp_path):
    for number in range(30):
        (tmp_path / f"2020-{number:02}.log").touch()
    FaultLog(tmp_path).add("somebody", "something")
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert len(kept) == 20
    assert kept[0] == "2020-11.log"
