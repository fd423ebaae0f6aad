"""Run a command and say what it took: seconds, CPU seconds of all its processes, memory."""

from __future__ import annotations

import ctypes
import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

BECOME_SUBREAPER = 36  # of prctl: orphans below this process become its children, so that it can count them
SHORT, LONG = 0.5, 3.0  # seconds between two looks at one process, and at all of a long run


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took. Memory is in MiB: its own, and with all processes below, shared pages once."""

    code: int
    seconds: float
    cpu: float
    own_memory: float
    all_memory: float


def run(
    command: Sequence[str], *, output: Path, environment: Mapping[str, str] | None = None, alone: bool = True
) -> Cost:
    """Run a command to its end; what it says goes to `output`.

    Only if it runs `alone` are its orphans counted, and its memory watched.
    """
    ctypes.CDLL(None).prctl(BECOME_SUBREAPER, 1)
    started = time.perf_counter()
    with output.open("wb") as said:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            env={**os.environ, **(environment or {})},
        )
        watch = _Watch(process.pid)
        if alone:
            watch.start()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    seconds, cpu = time.perf_counter() - started, used.ru_utime + used.ru_stime
    if alone:
        watch.ended.set()
        watch.join()
        cpu += _reap()
    own = watch.own if alone else used.ru_maxrss / 1024
    return Cost(process.returncode, seconds, cpu, own, watch.all)


class _Watch(threading.Thread):
    """Looks at the memory of a process and of all below it now and then."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.ended = threading.Event()
        self.own = self.all = 0.0
        self._pid = pid

    def run(self) -> None:
        """Look until told that the process has ended."""
        begun = time.monotonic()
        next_all = begun + SHORT
        while not self.ended.wait(SHORT):
            with suppress(OSError, ValueError):
                self.own = max(self.own, _field(Path(f"/proc/{self._pid}/status"), "VmHWM"))
            if time.monotonic() >= next_all:
                self.all = max(self.all, sum(map(_share, [self._pid, *_below(self._pid)])))
                now = time.monotonic()
                next_all = now + min(LONG, now - begun)  # a short run is looked at, too


def _field(path: Path, name: str) -> float:
    """Return a field of a file in /proc that is given in kB, in MiB."""
    for line in path.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def _share(pid: int) -> float:
    """Return the memory of a process, what it shares divided by the number of those who share it."""
    with suppress(OSError):
        return _field(Path(f"/proc/{pid}/smaps_rollup"), "Pss")
    return 0.0


def _below(root: int) -> list[int]:
    """Return all descendants of a process."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with suppress(OSError):
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                parents.setdefault(parent, []).append(int(folder.name))
    found, waiting = [], [root]
    while waiting:
        below = parents.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def _reap() -> float:
    """Wait for orphans that have ended, or will at once; return the CPU seconds they took."""
    until, cpu = time.monotonic() + 5, 0.0
    with suppress(ChildProcessError):
        while time.monotonic() < until:
            pid, _, used = os.wait4(-1, os.WNOHANG)
            cpu += used.ru_utime + used.ru_stime
            if not pid:
                time.sleep(0.05)
    return cpu
