"""Workers without a wall, over a plain socket pair."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from grader.exercise import Interface
from grader.job import Limits, Reason
from grader.remote import RemoteModule, Session
from grader.remote.patience import Patience
from grader.wall.worker import Killed

HERE = Path(__file__).parent
LIMITS = Limits(call=200.0)  # only against hanging for ever: a busy machine compiles slowly


class Line:
    """A worker reached over a socket, with the methods of `grader.wall.worker.Worker` that remote needs."""

    def __init__(self, sock: socket.socket, pid: int = 0) -> None:
        self.sock, self.pid, self.killed = sock, pid, False
        self._until = float("inf")

    def send(self, buffers: Sequence[bytes | memoryview]) -> None:
        try:
            for buffer in buffers:
                self._wait()
                self.sock.sendall(buffer)
        except (BrokenPipeError, ConnectionResetError):
            raise Killed(Reason.EXIT, "gone") from None

    def receive_into(self, view: memoryview) -> None:
        while view:
            self._wait()
            try:
                count = self.sock.recv_into(view)
            except TimeoutError:
                raise Killed(Reason.WALL, "late") from None
            except ConnectionResetError:
                count = 0
            if not count:
                raise Killed(Reason.EXIT, "gone")
            view = view[count:]

    def _wait(self) -> None:
        left = self._until - time.monotonic()
        if left <= 0:
            raise Killed(Reason.WALL, "late")
        self.sock.settimeout(max(0.001, min(200.0, left)))

    @contextlib.contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        self._until = time.monotonic() + seconds
        yield
        self._until = float("inf")

    def kill(self) -> None:
        self.killed = True
        self.sock.close()
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self.pid = 0


class Forker:
    """Starts workers from a process that has imported torch already."""

    def __init__(self) -> None:
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        command = [sys.executable, str(HERE / "forker.py"), str(theirs.fileno())]
        self.process = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        theirs.close()

    def start(self, folder: Path) -> Line:
        ours, theirs = socket.socketpair()
        with (folder / "output.txt").open("ab") as output:
            socket.send_fds(self.control, [str(folder).encode()], [theirs.fileno(), output.fileno()])
        theirs.close()
        return Line(ours, int(self.control.recv(100)))

    def close(self) -> None:
        self.control.close()
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="session")
def forker() -> Iterator[Forker]:
    forker = Forker()
    yield forker
    forker.close()


class Bench:
    """Loads sources into fresh workers."""

    def __init__(self, forker: Forker, folder: Path) -> None:
        self._forker, self.folder = forker, folder
        self._lines: list[Line] = []

    def session(self, limits: Limits = LIMITS, patience: Patience | None = None) -> Session:
        folder = self.folder / str(len(self._lines))
        folder.mkdir()
        line = self._forker.start(folder)
        self._lines.append(line)
        return Session(line, limits, patience=patience)

    def load(
        self,
        source: str,
        functions: Sequence[str] = (),
        classes: dict[str, tuple[str, ...]] | None = None,
        session: Session | None = None,
        **options: object,
    ) -> RemoteModule:
        session = session or self.session()
        files = {"exercises/x/solution.py": source.encode()}
        interface = Interface(tuple(functions), classes or {}, frozenset())
        session.load(files, module="exercises.x.solution", interface=interface, **options)
        return RemoteModule(session)

    def output(self, number: int = 0) -> str:
        return (self.folder / str(number) / "output.txt").read_text()

    def close(self) -> None:
        for line in self._lines:
            line.kill()


@pytest.fixture
def bench(forker: Forker, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(forker, tmp_path)
    yield bench
    bench.close()
