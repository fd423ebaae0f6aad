"""A wall per tier, and a shell behind it that runs the Python text it is sent."""

import contextlib
import os
import struct
import textwrap
from pathlib import Path

import pytest

from grader.job import Limits
from grader.wall.launch import Wall
from grader.wall.worker import Killed, Worker

LIBRARY = Path(__file__).parent / "inside"
# Where a test is not about time, time is only a bound against hanging for ever: the machine may be busy.
PATIENT = 100
LIMITS = Limits(
    cpu=10, wall=2 * PATIENT, call=PATIENT, memory=256, processes=24, files=64, scratch=8, output=64
)


class Shell:
    """Runs text in a worker; what the text calls `answer` comes back as a string."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker

    def run(self, text: str, seconds: float = PATIENT) -> str:
        data = textwrap.dedent(text).encode()
        with self.worker.deadline(seconds):
            self.worker.send([struct.pack("<I", len(data)), data])
            size = bytearray(4)
            self.worker.receive_into(memoryview(size))
            answer = bytearray(struct.unpack("<I", size)[0])
            self.worker.receive_into(memoryview(answer))
        return answer.decode()

    def try_to(self, expression: str) -> str:
        """Return "done" if the statement works, else the name of its error."""
        return self.run(f"import os, socket, ctypes\n{expression}").split(":")[0]

    def end(self, text: str, seconds: float = PATIENT) -> Killed:
        """Run text that must end the worker, and return why it ended."""
        with pytest.raises(Killed) as caught:
            self.run(text, seconds)
        return caught.value


@pytest.fixture(scope="session")
def walls():
    opened = {}

    def wall(tier):
        if tier not in opened:
            opened[tier] = Wall(tier, (), serve="shell:serve", library=LIBRARY)
        return opened[tier]

    yield wall
    for each in opened.values():
        each.close()


@pytest.fixture
def open_shell(walls):
    """Return a function that opens a shell in a tier; every shell is closed after the test."""
    shells = []

    def open_(tier="A", limits=LIMITS):
        shells.append(Shell(walls(tier).open(limits)))
        return shells[-1]

    yield open_
    for shell in shells:
        shell.worker.kill()


@pytest.fixture(params=["A", "C"])
def shell(request, open_shell):
    """A shell in each tier that confines."""
    return open_shell(request.param)


@pytest.fixture(params=["A", "C", "none"])
def any_shell(request, open_shell):
    """A shell in every tier: limits and endings mean the same in all of them."""
    return open_shell(request.param)


def is_alive(pid: int) -> bool:
    """Say whether a process is there and more than a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def alive(mark: str) -> list[int]:
    """Return the pids of other living processes with `mark` in their name or command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid() and is_alive(int(entry.name)):
            with contextlib.suppress(OSError):
                if mark.encode() in (entry / "comm").read_bytes() + (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
    return found
