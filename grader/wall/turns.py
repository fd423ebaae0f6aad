"""One job of a slot runs at a time: the others are halted, whatever they have started.

Else what a student's code leaves running would take time from the reference's worker, from that of the
course's known mistakes, and from what finds out whether there is a compiler.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

from grader.wall.cgroup import JobCgroup
from grader.wall.limits import ProcessTree

_QUIET = 3  # looks in a row that find nothing running: a child whose parent has just ended escapes one
_STOPPING_SECONDS = 2.0  # 250 processes take a tenth of that


class Halt:
    """Halts all processes of a job and lets them go on: by its cgroup where there is one, else by signals."""

    def __init__(self, cgroup: JobCgroup, tree: ProcessTree) -> None:
        self._cgroup = cgroup
        self._tree = tree
        self._stopped: set[int] = set()
        self._halted = self._over = False
        self._lock = threading.Lock()  # a watch may end the job meanwhile

    def halt(self) -> None:
        """Halt the job."""
        with self._lock:
            if not (self._over or self._halted):
                self._halted = True
                if not self._cgroup.freeze():
                    self._stop()

    def go_on(self) -> None:
        """Let the job go on."""
        with self._lock:
            if self._halted:
                self._halted = False
                self._cgroup.thaw()
                self._continue()

    def end(self) -> None:
        """Leave the job as it is: it is about to be killed, which what is halted needs not be awake for."""
        with self._lock:
            self._over = True

    def _stop(self) -> None:
        """Stop processes until none is found running, so that none can fork away, or wake another."""
        quiet, until = 0, time.monotonic() + _STOPPING_SECONDS
        while quiet < _QUIET and time.monotonic() < until:
            running = {pid for pid in self._tree.pids() if _is_running(pid)}
            self._stopped |= running
            _signal_all(running, signal.SIGSTOP)
            quiet = 0 if running else quiet + 1

    def _continue(self) -> None:
        if self._stopped:
            _signal_all(self._stopped.intersection(self._tree.pids()), signal.SIGCONT)
            self._stopped.clear()


class Turns:
    """Whose turn it is among the jobs of one slot."""

    def __init__(self) -> None:
        self._holder: Halt | None = None

    def take(self, halt: Halt | None) -> None:
        """Halt the job whose turn it was; then it is that of another, or of one that is yet to begin."""
        if halt is self._holder:
            return
        if self._holder is not None:
            self._holder.halt()
        self._holder = halt
        if halt is not None:
            halt.go_on()


def _is_running(pid: int) -> bool:
    """Say whether a process is neither stopped nor dead."""
    try:
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state not in (b"T", b"t", b"Z", b"X")


def _signal_all(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
