"""The trusted side's hold on a job: news of it, and the certainty that nothing of it is left."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

KILL_SECONDS = 5.0  # far beyond the 100 ms that 64 stopped processes take


class Status(Protocol):
    """How the end of a worker is learned."""

    closed: bool

    def exit_code(self, seconds: float) -> int | None:
        """Wait for the worker's end; its exit code (a signal's number below zero), None if none comes."""

    def close(self) -> None:
        """Stop listening."""


class StatusPipe:
    """What a job's own side says of itself: confined, could not be, or how its worker ended.

    Written by our code only: the worker closes its end before it reads a byte of a student's.
    """

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._text = b""
        self.closed = False

    def fileno(self) -> int:
        """Return the descriptor to wait on."""
        return self._fd

    def read(self) -> None:
        """Take in what has been written so far."""
        try:
            while chunk := os.read(self._fd, 4096):
                self._text += chunk
            self.closed = True
        except BlockingIOError:
            pass

    def _line(self, word: bytes) -> str | None:
        for line in self._text.split(b"\n")[:-1]:
            if line.startswith(word + b" ") or line == word:
                return line[len(word) :].decode("utf-8", "backslashreplace").strip()
        return None

    @property
    def ready(self) -> bool:
        """Say whether the worker has proved its confinement."""
        return self._line(b"ready") is not None

    @property
    def failure(self) -> str | None:
        """Return why the worker could not be confined."""
        return self._line(b"failed")

    @property
    def ended(self) -> int | None:
        """Return the wait status of the worker once it has ended."""
        line = self._line(b"ended")
        return None if line is None else int(line)

    def exit_code(self, seconds: float) -> int | None:
        """Wait for the worker's end; its exit code (a signal's number below zero), None if none comes."""
        wait_for(self, lambda: self.ended is not None, seconds)
        return None if self.ended is None else os.waitstatus_to_exitcode(self.ended)

    def close(self) -> None:
        """Stop listening."""
        os.close(self._fd)


class Keeper(Protocol):
    """The process above a worker."""

    def pid(self) -> int:
        """Return its pid as seen from here."""

    def kill(self) -> bool:
        """End the whole job; False if something of it may be alive after `KILL_SECONDS`."""

    def close(self) -> None:
        """Let go of it."""


class NamespaceKeeper:
    """A job in a PID namespace: the kernel ends everything in it when its init ends.

    The init counts as ended only after every other process of the namespace has been reaped, so the
    pidfd is both the means and the proof.
    """

    def __init__(self, pidfd: int) -> None:
        self._pidfd = pidfd

    def pid(self) -> int:
        """Return the init's pid as seen from here."""
        for line in Path(f"/proc/self/fdinfo/{self._pidfd}").read_text().splitlines():
            if line.startswith("Pid:"):
                return int(line.split()[1])
        raise ProcessLookupError("the job's init is gone")

    def kill(self) -> bool:
        """Kill the init, and wait until the namespace is empty."""
        try:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        except ProcessLookupError:
            return True
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(KILL_SECONDS * 1000))

    def close(self) -> None:
        """Close the pidfd."""
        os.close(self._pidfd)


class LeashKeeper:
    """A job without a namespace: let go of the leash, and its keeper ends all descendants, then itself."""

    def __init__(self, process: subprocess.Popen[bytes], leash: int) -> None:
        self._process = process
        self._leash = leash

    def pid(self) -> int:
        """Return the keeper's pid."""
        return self._process.pid

    def kill(self) -> bool:
        """Pull the leash and wait for the keeper, which waits for the rest."""
        if self._leash >= 0:
            with contextlib.suppress(BrokenPipeError):
                os.write(self._leash, b".")
        try:
            self._process.wait(KILL_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            return False
        return self._process.returncode == 0

    def close(self) -> None:
        """Let go of the leash."""
        if self._leash >= 0:
            os.close(self._leash)
            self._leash = -1


def wait_for(status: StatusPipe, condition: Callable[[], bool], seconds: float) -> bool:
    """Read the status pipe until `condition` holds or nothing more can come; say whether it holds."""
    deadline = time.monotonic() + seconds
    poll = select.poll()
    poll.register(status.fileno(), select.POLLIN)
    while not condition():
        left = deadline - time.monotonic()
        if status.closed or left <= 0:
            return False
        if poll.poll(left * 1000):
            status.read()
    return True
