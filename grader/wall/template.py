"""The trusted side of the template: start it, ask it for forks, notice its death."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from grader.errors import WallError
from grader.inside import spec
from grader.wall.view import package_directory

_START_SECONDS = 180.0  # importing torch and transformers on a machine with cold disks
_FORK_SECONDS = 30.0
_MESSAGE = 64 << 10


class TemplateError(Exception):
    """The template is no longer there, or refuses to fork; a new one may help."""


def start_python(
    script: Path, arguments: tuple[str, ...], passed: tuple[int, ...], message: bytes, log: int | None = None
) -> subprocess.Popen[bytes]:
    """Start an isolated interpreter with an empty environment; everything it is told comes on stdin.

    `-I -S`: no user site, no .pth files, so that an editable install cannot drag a repository in.
    """
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", str(script), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL if log is None else log,
        stderr=subprocess.DEVNULL if log is None else log,
        pass_fds=passed,
        env={},
        cwd="/",
        start_new_session=True,  # Ctrl-C in the terminal is the slot's business
    )
    assert process.stdin
    try:
        process.stdin.write(message)
        process.stdin.close()
    except BrokenPipeError:
        pass  # it died; whoever waits for its answer will notice
    return process


class Template:
    """A started template; ready a second or two later."""

    def __init__(self, launch: spec.Launch) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._log = os.memfd_create("template-log")
        slot = os.pidfd_open(os.getpid())
        script = package_directory() / "inside" / "template.py"
        arguments = (str(theirs.fileno()), str(slot))
        self._process = start_python(script, arguments, (theirs.fileno(), slot), spec.dump(launch), self._log)
        theirs.close()
        os.close(slot)
        self._ready = False

    def wait_until_ready(self) -> None:
        """Wait for the imports; raises WallError with the template's own words if it cannot start."""
        if self._ready:
            return
        self._control.settimeout(_START_SECONDS)
        begin = time.monotonic()
        try:
            answer = self._control.recv(_MESSAGE)
        except (TimeoutError, ConnectionResetError):
            answer = b""
        if answer != b"ready":
            waited = time.monotonic() - begin
            log = self._read_log()
            self.close()
            raise WallError(f"the sandbox could not be built (after {waited:.0f} s): {log or 'no message'}")
        self._ready = True

    def fork(self, job: spec.JobSpec, descriptors: tuple[int, ...]) -> int:
        """Fork a job and return a pidfd of its init; raises TemplateError when the template cannot."""
        self._control.settimeout(_FORK_SECONDS)
        try:
            socket.send_fds(self._control, [spec.dump(job)], list(descriptors))
            answer, fds, _, _ = socket.recv_fds(self._control, _MESSAGE, 1)
        except OSError as problem:
            raise TemplateError(f"no answer: {problem}") from problem
        if answer != b"forked" or len(fds) != 1:
            raise TemplateError(
                answer.decode("utf-8", "backslashreplace") or self._read_log() or "it is gone"
            )
        os.set_inheritable(fds[0], False)
        return fds[0]

    @property
    def alive(self) -> bool:
        """Say whether it lives. Its end of the socket closes before the kernel ends what is below it."""
        try:
            self._control.settimeout(0)
            return self._control.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False

    def close(self) -> None:
        """End the template and with it everything beyond the wall. Can be called again."""
        if self._log < 0:
            return
        self._control.close()  # end of file: it exits by itself
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()  # the guard; the template dies with its parent
            self._process.wait()
        os.close(self._log)
        self._log = -1

    def _read_log(self) -> str:
        size = os.fstat(self._log).st_size
        return os.pread(self._log, 4096, max(0, size - 4096)).decode("utf-8", "backslashreplace").strip()
