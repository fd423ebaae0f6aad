"""What a job has used, seen from outside: by its cgroup where there is one, else summed over /proc."""

from __future__ import annotations

import contextlib
import functools
import math
import threading
import time
from pathlib import Path

from grader.inside.spec import JobSpec
from grader.job import Limits, Reason
from grader.wall import scratch
from grader.wall.cgroup import JobCgroup

_MIB = 1 << 20
# Page tables, too: empty pages that are only looked at cost nothing else.
_OWN_MEMORY = ("RssAnon", "VmSwap", "VmPTE", "HugetlbPages")
_DEFAULT_SOCKET_BYTES = 212992
_WORST_SHARE = 0.9  # of the allowed processes: from here on a job at its end counts as a fork bomb


def job_spec(limits: Limits, directory: str = "") -> JobSpec:
    """Translate an exercise's limits into the kernel's units."""
    return JobSpec(
        cpu=math.ceil(limits.cpu),
        processes=limits.processes,
        files=limits.files,
        scratch=limits.scratch * _MIB,
        memory=limits.memory * _MIB,
        directory=directory,
    )


class ProcessTree:
    """Everything below one process, which itself (the job's init or keeper) is ours and not counted."""

    def __init__(self, root: int) -> None:
        self.root = root
        self._seconds: dict[tuple[int, bytes], float] = {}  # by pid and start time, the ended ones too
        self._baseline = 0

    def pids(self) -> list[int]:
        """Return the pids of all living descendants, as far as nobody forks meanwhile."""
        found: list[int] = []
        queue = [self.root]
        while queue:
            below = _children(queue.pop())
            found += below
            queue += below
        return found

    def tasks(self) -> int:
        """Count processes and threads."""
        return sum(len(_list(Path(f"/proc/{pid}/task"))) for pid in self.pids())

    def cpu_seconds(self) -> float:
        """Return the CPU time of the descendants, ended ones included as far as they were seen.

        What each process uses is read from its CPU clock, which is exact; children that came and went
        between two looks appear in the times their parents waited for, which the larger sum includes.
        """
        waited = 0.0
        ticks = 100.0  # USER_HZ, the same on every architecture of ours
        for pid in [self.root, *self.pids()]:
            with contextlib.suppress(OSError, IndexError):
                stat = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
                waited += (int(stat[13]) + int(stat[14])) / ticks
                if pid != self.root:
                    seconds = time.clock_gettime((~pid << 3) | 2)  # its process CPU clock
                    self._seconds[pid, stat[19]] = seconds
                    waited += seconds
        return max(waited, sum(self._seconds.values()))

    def memory(self) -> int:
        """Return the bytes held, less what each process inherited, with what its sockets may hold."""
        total = self._sockets() * _socket_bytes()
        for pid in self.pids():
            own, shared = _held(pid)
            total += max(0, own - self._baseline) + shared
        return total

    def set_baseline(self) -> None:
        """Take what the processes hold now as inherited."""
        self._baseline = max((_held(pid)[0] for pid in self.pids()), default=0)

    def _sockets(self) -> int:
        """Count the sockets of the job's network namespace; 0 where it has none of its own."""
        with contextlib.suppress(OSError, IndexError):
            worker = self.pids()[0]
            if not Path(f"/proc/{worker}/ns/net").samefile("/proc/self/ns/net"):
                return int(Path(f"/proc/{worker}/net/sockstat").read_bytes().split()[2])
        return 0


class Usage:
    """How much of its limits a job has used."""

    def __init__(self, limits: Limits, cgroup: JobCgroup, tree: ProcessTree, directory: str = "") -> None:
        self._limits = limits
        self._cgroup = cgroup
        self._tree = tree
        self._directory = directory  # scratch on a shared disk, which nothing else measures
        self._spent = 0.0  # on getting ready: a cold process imports its libraries first
        self._lock = threading.Lock()  # a watch may look, too

    def start(self) -> None:
        """Begin counting, when the worker is ready and has read nothing yet."""
        self._spent = self.cpu_seconds()
        if not self._cgroup.memory:
            self._tree.set_baseline()

    def cpu_seconds(self) -> float:
        """Return the CPU time of everything in the job since `start`."""
        with self._lock:
            seconds = self._cgroup.cpu_seconds()
            return (self._tree.cpu_seconds() if seconds is None else seconds) - self._spent

    def exceeded(self) -> tuple[Reason, str] | None:
        """Return the limit that is exceeded, if one is."""
        if self.cpu_seconds() > self._limits.cpu:
            if self.many_processes():
                return Reason.PROCESSES, f"started {self._limits.processes} processes or threads"
            return Reason.CPU, f"used more than {self._limits.cpu:g} s of CPU time"
        if self.out_of_memory():
            return Reason.MEMORY, f"used more than {self._limits.memory} MiB of memory"
        if self._directory and scratch.size(self._directory) > self._limits.scratch * _MIB:
            return Reason.SCRATCH, f"wrote more than {self._limits.scratch} MiB"
        return None

    def out_of_memory(self) -> bool:
        """Say whether the job went beyond its memory."""
        if self._cgroup.memory:
            return self._cgroup.out_of_memory()
        return self._tree.memory() > (self._limits.memory + self._limits.scratch) * _MIB

    def many_processes(self) -> bool:
        """Say whether the job has (nearly) as many processes and threads as it may."""
        return self._tree.tasks() >= max(4, self._limits.processes * _WORST_SHARE)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in _list(Path(f"/proc/{pid}/task")):
        with contextlib.suppress(OSError):
            found += [int(p) for p in (task / "children").read_text().split()]
    return found


def _held(pid: int) -> tuple[int, int]:
    """Return the bytes that a process holds by itself, and shares with others; zeros when it is gone."""
    fields = dict.fromkeys((*_OWN_MEMORY, "RssShmem"), 0)
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key in fields:
                fields[key] = int(value.split()[0]) * 1024
    return sum(fields[name] for name in _OWN_MEMORY), fields["RssShmem"]


@functools.cache
def _socket_bytes() -> int:
    """Return what one socket may hold that nobody reads: its buffer, and one message beyond."""
    with contextlib.suppress(OSError, ValueError):
        return 2 * int(Path("/proc/sys/net/core/wmem_default").read_bytes())
    return 2 * _DEFAULT_SOCKET_BYTES


def _list(directory: Path) -> list[Path]:
    try:
        return list(directory.iterdir())
    except OSError:
        return []
