"""Every limit ends in its own reason, and only in that."""

import struct
import textwrap
import time
from dataclasses import replace

import pytest

from grader.job import Reason
from grader.wall import launch
from grader.wall.cgroup import Cgroups
from grader.wall.launch import Wall
from grader.wall.worker import Killed

from .conftest import LIBRARY, LIMITS, Shell, alive

SPIN = "while True: pass"
BURN = """
    import os
    for _ in range(2):
        if os.fork() == 0:
            while True: pass
    import time
    time.sleep(60)
"""
SHORT_BURNS = """
    import os, time
    while True:
        if os.fork() == 0:
            end = time.monotonic() + 0.3
            while time.monotonic() < end: pass
            os._exit(0)
        os.wait()
"""
# Half a second in children that come and go between two looks. With SIGCHLD ignored nobody could wait for
# them, and their times would be added to no one's.
FORGOTTEN_BURNS = """
    import contextlib, os, signal, time
    with contextlib.suppress(OSError):
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for _ in range(50):
        if os.fork() == 0:
            end = time.process_time() + 0.01
            while time.process_time() < end: pass
            os._exit(0)
        with contextlib.suppress(ChildProcessError):
            os.wait()
"""
# Many processes with little each; none of them goes beyond its own limit.
HOG_SPREAD = """
    import os, time
    for _ in range(20):
        if os.fork() == 0:
            kept = bytearray(60 << 20)
            time.sleep(60)
    time.sleep(60)
"""
# One byte of every two megabytes is looked at: nothing is held but the tables that say that nothing is.
HOG_TABLES = """
    import ctypes
    libc = ctypes.CDLL(None)
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    size = 1 << 42
    start = libc.mmap(None, size, 1, 0x4022, -1, 0)
    libc.madvise(ctypes.c_void_p(start), ctypes.c_size_t(size), 15)
    for at in range(start, start + size, 1 << 21):
        ctypes.c_char.from_address(at).value
"""
# Most of them wait to be accepted, and are nobody's descriptors.
HOG_SOCKETS = """
    import socket, time
    listener = socket.socket(socket.AF_UNIX)
    listener.bind("line")
    listener.listen(4096)
    for _ in range(4000):
        with socket.socket(socket.AF_UNIX) as line:
            line.setblocking(False)
            try:
                line.connect("line")
                while True:
                    line.send(bytes(1 << 16))
            except BlockingIOError:
                continue
    time.sleep(60)
"""
MARK = "grader-bomb"  # inherited by every fork as the name in /proc
BOMB = """
    import os, time
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.01)
"""


@pytest.fixture
def approximate(monkeypatch):
    """A shell where no cgroup can be written."""
    monkeypatch.setattr(launch, "find_cgroups", lambda: Cgroups(()))
    with Wall("A", (), serve="shell:serve", library=LIBRARY) as wall:
        assert wall.memory_limit == "approximate"
        yield lambda limits=LIMITS: Shell(wall.open(limits))


def test_spinning_ends_as_cpu(any_shell):
    any_shell.worker._usage._limits = replace(LIMITS, cpu=0.5)
    assert any_shell.end(SPIN).reason is Reason.CPU


@pytest.mark.parametrize("text", [BURN, SHORT_BURNS], ids=["unwaited", "short"])
def test_cpu_of_children_counts(open_shell, text):
    assert open_shell("A", replace(LIMITS, cpu=1)).end(text).reason is Reason.CPU


@pytest.mark.parametrize("text", [SPIN, BURN, SHORT_BURNS], ids=["spin", "unwaited", "short"])
def test_cpu_counts_without_cgroups(approximate, text):
    assert approximate(replace(LIMITS, cpu=1)).end(text).reason is Reason.CPU


def test_cpu_of_forgotten_children_counts_without_cgroups(approximate):
    shell = approximate()
    shell.run(FORGOTTEN_BURNS)
    assert shell.worker.cpu_seconds() > 0.4


def test_cpu_seconds_are_exact(open_shell):
    shell = open_shell("A")
    shell.run("import time\nend = time.process_time() + 0.5\nwhile time.process_time() < end: pass")
    assert 0.45 < shell.worker.cpu_seconds() < 0.8


def test_cpu_limit_holds_even_when_nobody_watches(open_shell):
    shell = open_shell("A", replace(LIMITS, cpu=0.1))
    shell.worker._usage.exceeded = lambda: None
    assert shell.end(SPIN).reason is Reason.CPU


def test_sleeping_ends_as_wall(any_shell):
    begin = time.monotonic()
    assert any_shell.end("import time; time.sleep(300)", seconds=0.3).reason is Reason.WALL
    assert time.monotonic() - begin < 60


def test_waiting_in_all_is_bounded(open_shell):
    shell = open_shell("A", replace(LIMITS, wall=3))
    nap = "import time; time.sleep(1.6)"
    shell.run(nap)
    killed = shell.end(nap)
    assert (killed.reason, killed.detail) == (Reason.WALL, "the whole job took too long")


def test_stopping_oneself_ends_as_wall(any_shell):
    stop = "import os; os.kill(os.getpid(), 19)"
    assert any_shell.end(stop, seconds=0.3).reason is Reason.WALL


def test_a_worker_that_does_not_read_ends_as_wall(open_shell):
    shell = open_shell("A")
    nap = b"import time; time.sleep(60)"
    with pytest.raises(Killed, match="took too long"), shell.worker.deadline(0.5):
        shell.worker.send([struct.pack("<I", len(nap)), nap, bytes(1 << 26)])


def test_memory_error_comes_first(any_shell):
    assert any_shell.try_to("bytearray(600 << 20)") == "MemoryError"
    assert any_shell.run("answer = 'alive'") == "alive"


HOGS = pytest.mark.parametrize(
    "hog", [HOG_SPREAD, HOG_TABLES, HOG_SOCKETS], ids=["spread", "tables", "sockets"]
)


@HOGS
def test_all_that_takes_memory_ends_as_memory(open_shell, hog):
    assert open_shell("A").end(hog).reason is Reason.MEMORY


@HOGS
def test_all_that_takes_memory_ends_as_memory_without_cgroups(approximate, hog):
    assert approximate().end(hog).reason is Reason.MEMORY


def test_memory_is_watched_without_cgroups_while_nobody_waits(approximate):
    shell = approximate()
    shell.run(f"import os\nif os.fork() == 0:\n{textwrap.indent(textwrap.dedent(HOG_SPREAD), '    ')}")
    deadline = time.monotonic() + 10
    while not shell.worker._watch.found and time.monotonic() < deadline:
        time.sleep(0.05)
    assert shell.end("answer = 1").reason is Reason.MEMORY


@pytest.mark.parametrize(
    "attempt",
    ["__import__('mmap').mmap(-1, 4096)", "os.memfd_create('x')", "os.open('/dev/zero', os.O_RDWR)"],
)
def test_memory_cannot_be_shared_without_a_file(shell, attempt):
    assert shell.try_to(attempt) in ("PermissionError", "FileNotFoundError")


def test_scratch_is_full_by_bytes(open_shell):
    for directory in ("'.'", "os.environ['TMPDIR']", "'/dev/shm'"):
        shell = open_shell("A")
        fill = f"import os\nfor i in range(9): open({directory} + f'/{{i}}', 'wb').write(bytes(1 << 20))"
        assert "No space left" in shell.run(fill)


def test_scratch_is_full_by_files(open_shell):
    assert "No space left" in open_shell("A").run("for i in range(5000): open(str(i), 'w').close()")


def test_scratch_on_a_shared_disk_ends_as_scratch(open_shell):
    write = """
        import time
        for i in range(9):
            open(str(i), 'wb').write(bytes(1 << 20))
        time.sleep(5)
    """
    assert open_shell("none").end(write).reason is Reason.SCRATCH


def test_many_empty_files_on_a_shared_disk_end_as_scratch(open_shell):
    write = """
        import time
        for i in range(5000):
            open(str(i), 'wb').close()
        time.sleep(5)
    """
    assert open_shell("none").end(write).reason is Reason.SCRATCH


def test_one_big_file_is_refused(any_shell):
    assert any_shell.try_to("os.ftruncate(os.open('x', os.O_CREAT | os.O_RDWR), 1 << 40)") == "OSError"


def test_output_flood_ends_as_output(any_shell):
    flood = "import os\nwhile True: os.write(1, b'x' * 65536)"
    assert any_shell.end(flood).reason is Reason.OUTPUT
    assert len(any_shell.worker.output) < 1 << 18


def test_output_is_kept_in_order(any_shell):
    any_shell.run("import os; os.write(1, b'one '); os.write(2, b'two')")
    assert any_shell.worker.take_output() == "one two"
    assert any_shell.worker.take_output() == ""


def test_exit_is_reported_with_its_code(any_shell):
    killed = any_shell.end("import os; os._exit(7)")
    assert (killed.reason, killed.detail) == (Reason.EXIT, "ended its own process with exit code 7")


@pytest.mark.parametrize("name", ["SIGABRT", "SIGSEGV", "SIGKILL", "SIGTERM"])
def test_signals_are_reported_by_name(any_shell, name):
    killed = any_shell.end(f"import os, signal; os.kill(os.getpid(), signal.{name})")
    assert (killed.reason, killed.detail) == (Reason.SIGNAL, f"ended by {name}")


def test_recursion_into_a_segfault(any_shell):
    crash = "import ctypes; ctypes.string_at(0)"
    assert any_shell.end(crash).detail == "ended by SIGSEGV"


def test_what_was_sent_before_the_end_arrives(any_shell):
    last = "import os, struct; sock.sendall(struct.pack('<I', 4) + b'last'); os._exit(0)"
    assert any_shell.run(last) == "last"
    assert any_shell.end("pass").reason is Reason.EXIT


def test_closing_the_socket_ends_as_protocol(any_shell):
    assert any_shell.end("import time; sock.close(); time.sleep(300)").reason is Reason.PROTOCOL


def test_descriptors_run_out_cleanly(any_shell):
    assert any_shell.try_to("kept = [open('/dev/null') for _ in range(100)]") == "OSError"


def test_fork_bomb_is_bounded_and_gone(open_shell):
    shell = open_shell("A")
    shell.run(f"import ctypes; ctypes.CDLL(None).prctl(15, {MARK.encode()!r}, 0, 0, 0)")
    assert shell.end(BOMB, seconds=3).reason is Reason.PROCESSES
    assert not alive(MARK)


def test_fork_bomb_is_bounded_without_cgroups(approximate):
    shell = approximate()
    count = """
        import os, time
        made = 0
        try:
            while True:
                if os.fork() == 0:
                    time.sleep(60)
                made += 1
        except OSError:
            answer = made
    """
    assert int(shell.run(count)) == LIMITS.processes - 1
    shell.worker.kill()


def test_threads_are_bounded(any_shell):
    many = """
        import threading, time
        for _ in range(100):
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
    """
    assert any_shell.run(many).startswith("RuntimeError: can't start new thread")


def test_where_the_machine_runs_out_of_memory_a_job_goes_first(open_shell):
    assert open_shell("A").run("answer = open('/proc/self/oom_score_adj').read().strip()") == "1000"


def test_a_job_stays_on_the_cores_it_was_given(shell):
    assert shell.try_to("os.sched_setaffinity(0, os.sched_getaffinity(0))") == "PermissionError"
    assert shell.try_to("os.nice(-1)") == "PermissionError"
