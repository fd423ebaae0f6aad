"""Open workers that nothing confines, on any system: one plain process each, spoken to over loopback.

Only for code that one trusts, such as one's own. Wall-clock limits, disk and output are kept, CPU time
and memory are not; a process that the code starts and detaches is not found.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import grader
from grader.errors import WallError
from grader.inside.plain import HOST
from grader.inside.spec import THREADS
from grader.job import Limits
from grader.wall import scratch
from grader.wall.cgroup import JobCgroup
from grader.wall.limits import ProcessTree, Usage
from grader.wall.worker import Worker

_READY_SECONDS = 120.0  # all imports, on a busy machine with a cold disk
_TOKEN_SECONDS = 1.0  # a stranger who connects and says nothing
_TICK = 0.1
_BINARY = getattr(os, "O_BINARY", 0)  # Windows
_LONGEST_LOG = 4000  # bytes of what a process said that did not come up


class Process:
    """The process of one job: how it ended, and how to end it."""

    closed = False

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def pid(self) -> int:
        """Return its pid."""
        return self._process.pid

    def running(self) -> bool:
        """Say whether it has not ended yet."""
        return self._process.poll() is None

    def exit_code(self, seconds: float) -> int | None:
        """Wait for its end; its exit code (a signal's number below zero), None if it goes on."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(seconds)
        return None

    def kill(self) -> bool:
        """End it."""
        self._process.kill()
        self._process.wait()
        return True

    def close(self) -> None:
        """Let go of it; nothing is held open."""


class PlainWall:
    """Opens unconfined workers for one slot. A context manager."""

    tier = "none"
    memory_limit = ""

    def __init__(self, preload: Sequence[str]) -> None:
        self._preload = tuple(preload)
        self._open: list[Worker] = []

    def open(self, limits: Limits) -> Worker:
        """Return a worker that has read nothing yet. Raises WallError where none comes up."""
        directory = scratch.make(None)
        output = Path(directory, "output")
        with socket.create_server((HOST, 0)) as listener:
            token = secrets.token_hex(32)
            process = _start(self._preload, directory, output, listener.getsockname()[1], token)
            try:
                sock = _accept(listener, process, token.encode())
            except BaseException as problem:
                process.kill()
                said = output.read_bytes()[-_LONGEST_LOG:].decode("utf-8", "backslashreplace").strip()
                shutil.rmtree(directory, ignore_errors=True)
                if isinstance(problem, OSError):
                    raise WallError(f"a worker did not start: {said or problem}") from problem
                raise
        cgroup = JobCgroup({}, limits)
        worker = Worker(
            sock, [os.open(output, os.O_RDONLY | _BINARY)], process, process, cgroup,
            Usage(limits, cgroup, ProcessTree(process.pid()), directory), limits,
            on_stuck=lambda: None, clean_up=lambda: shutil.rmtree(directory, ignore_errors=True),
        )  # fmt: skip
        worker.take_output()  # what the imports said
        self._open = [*(w for w in self._open if not w.gone), worker]
        return worker

    def close(self) -> None:
        """End every worker."""
        for worker in self._open:
            worker.kill()

    def __enter__(self) -> PlainWall:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _start(preload: Sequence[str], directory: str, output: Path, port: int, token: str) -> Process:
    """Start the process of a job with this machine's environment, one thread, and its own folders."""
    temporary = str(Path(directory, "tmp"))
    own = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), temporary)
    script = str(Path(grader.__file__).parent / "inside" / "plain.py")
    order = {"preload": preload, "directory": directory, "port": port, "token": token}
    with output.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-B", "-X", "utf8", script],
            stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT,
            env={**os.environ, **THREADS, **own}, cwd=directory,
        )  # fmt: skip
    assert process.stdin
    with contextlib.suppress(OSError), process.stdin as told:  # it died; whoever waits for it will notice
        told.write(json.dumps(order).encode())
    return Process(process)


def _accept(listener: socket.socket, process: Process, token: bytes) -> socket.socket:
    """Return the connection of the process that knows the token. Raises OSError where none comes."""
    listener.settimeout(_TICK)
    deadline = time.monotonic() + _READY_SECONDS
    while process.running() and time.monotonic() < deadline:
        with contextlib.suppress(TimeoutError):
            sock, _ = listener.accept()
            sock.settimeout(_TOKEN_SECONDS)
            if secrets.compare_digest(_receive(sock, len(token)), token):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return sock
            sock.close()
    raise OSError("it ended without a word")


def _receive(sock: socket.socket, size: int) -> bytes:
    """Read `size` bytes, less where the other side stops."""
    got = b""
    while len(got) < size and (part := sock.recv(size - len(got))):
        got += part
    return got
