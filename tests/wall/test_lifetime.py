"""Whatever dies, nothing of a job outlives it, and the next job finds a clean wall."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import pytest

from grader.errors import UngradedError, WallError
from grader.wall import owner
from grader.wall.launch import Wall
from grader.wall.template import Template
from grader.wall.worker import Killed

from .conftest import LIBRARY, LIMITS, Shell, alive, is_alive

DAEMONS = (LIBRARY / "slot.py").read_text().split('"""')[3]


def wait_until(condition, seconds=60.0):
    """Say whether the condition comes true, also on a busy machine."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.fixture
def mark():
    return uuid.uuid4().hex[:12]


@pytest.fixture
def wall():
    with Wall("A", (), serve="shell:serve", library=LIBRARY) as wall:
        yield wall


def test_daemons_are_gone_after_kill(any_shell, mark):
    any_shell.run(DAEMONS.replace("MARK", repr(mark.encode())))
    assert len(alive(mark)) == 5
    any_shell.worker.kill()
    assert not alive(mark)


def test_daemons_are_gone_after_the_worker_exits(any_shell, mark):
    any_shell.end(DAEMONS.replace("MARK", repr(mark.encode())) + "os._exit(0)")
    assert not alive(mark)


@pytest.mark.parametrize("serving", ["it", "another"])
@pytest.mark.parametrize("tier", ["A", "C", "none"])
def test_killing_the_slot_leaves_nothing(tier, serving, mark):
    slot = start_slot(tier, mark, serving)
    ours = descendants(slot.pid)
    assert len(alive(mark)) == 5
    slot.kill()
    slot.communicate()
    assert wait_until(lambda: not alive(mark))
    assert wait_until(lambda: not any(is_alive(pid) for pid in ours))


def test_killing_the_guard_leaves_nothing(wall, mark):
    Shell(wall.open(LIMITS)).run(DAEMONS.replace("MARK", repr(mark.encode())))
    os.kill(guard_of(wall), signal.SIGKILL)
    assert wait_until(lambda: not alive(mark))


def test_a_killed_template_costs_one_job_and_no_more(wall):
    shell = Shell(wall.open(LIMITS))
    os.kill(template := template_of(wall), signal.SIGKILL)
    assert wait_until(lambda: not is_alive(template))
    with pytest.raises(UngradedError):
        shell.run("answer = 1")
    assert Shell(wall.open(LIMITS)).run("answer = 2") == "2"


def test_a_template_says_whether_it_lives(wall):
    wall.open(LIMITS)
    assert wall._template.alive
    os.kill(template := template_of(wall), signal.SIGKILL)
    assert wait_until(lambda: not is_alive(template))
    assert not wall._template.alive


# The instant in which a job is ended by the death of its template cannot be met on purpose.
@pytest.mark.parametrize(("sound", "ending"), [(True, Killed), (False, UngradedError)])
def test_who_ends_itself_is_at_fault_and_who_is_swept_away_is_not(wall, monkeypatch, sound, ending):
    shell = Shell(wall.open(LIMITS))
    monkeypatch.setattr(Template, "alive", sound)
    with pytest.raises(ending):
        shell.run("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")


def test_close_ends_workers_too(mark):
    with Wall("A", (), serve="shell:serve", library=LIBRARY) as wall:
        Shell(wall.open(LIMITS)).run(DAEMONS.replace("MARK", repr(mark.encode())))
        processes = [guard_of(wall), template_of(wall)]
    assert not alive(mark)
    assert not any(is_alive(pid) for pid in processes)


def test_kill_can_be_called_twice(any_shell):
    any_shell.worker.kill()
    any_shell.worker.kill()
    assert any_shell.worker.gone


@pytest.mark.parametrize("tier", ["A", "C", "none"])
def test_nothing_is_left_of_many_jobs(tier, walls):
    first = Shell(walls(tier).open(LIMITS))
    first.worker.kill()
    before = len(list(Path("/proc/self/fd").iterdir())), left_on_disk()
    for _ in range(5):
        shell = Shell(walls(tier).open(LIMITS))
        shell.run("import os; os.mkdir('locked'); os.mkdir('locked/deep'); os.chdir('locked')")
        shell.run("import os; os.symlink('/etc', 'link'); os.mkdir('dark', 0)")
        shell.worker.kill()
    assert (len(list(Path("/proc/self/fd").iterdir())), left_on_disk()) == before


def test_very_deep_directories_are_removed(open_shell):
    shell = open_shell("none")
    shell.run("import os\nfor _ in range(3000):\n    os.mkdir('d' * 50); os.chdir('d' * 50)")
    shell.worker.kill()
    assert not left_on_disk()


@pytest.mark.parametrize("tier", ["A", "C"])
@pytest.mark.parametrize(("module", "objection"), [("unfiltered", "Seccomp is 0"), ("unlocked", "CapEff")])
def test_a_worker_that_is_not_confined_is_never_opened(tier, module, objection):
    if (tier, module) == ("C", "unlocked"):
        objection = "/etc/passwd can be opened|other processes are visible"
    with (
        Wall(tier, (), serve=f"{module}:serve", library=LIBRARY) as wall,
        pytest.raises(WallError, match=objection),
    ):
        wall.open(LIMITS)


def test_a_template_with_threads_is_not_forked():
    with (
        Wall("A", (), serve="threaded:serve", library=LIBRARY) as wall,
        pytest.raises(UngradedError, match="2 threads"),
    ):
        wall.open(LIMITS)


def test_a_missing_library_is_named():
    with (
        Wall("A", ("no_such_module",), serve="shell:serve", library=LIBRARY) as wall,
        pytest.raises(WallError, match="no_such_module"),
    ):
        wall.open(LIMITS)


def start_slot(tier, mark, serving):
    """Start a process that holds a wall with a job that has left five daemons, and serves it or another."""
    command = [sys.executable, str(LIBRARY / "slot.py"), tier, serving]
    slot = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "MARK": mark})
    if slot.stdout.readline() != "ready\n":
        slot.kill()
        slot.communicate()
        pytest.fail("the slot did not start")
    return slot


def left_on_disk():
    return list(Path(tempfile.gettempdir()).glob(f"{owner.prefix()}*"))


def guard_of(wall):
    return wall._template._process.pid


def template_of(wall):
    return descendants(guard_of(wall))[0]


def descendants(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [found for child in children for found in (int(child), *descendants(child))]
