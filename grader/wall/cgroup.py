"""Control groups, versions 1 and 2: hard walls for memory and processes, a job's exact CPU time, its halt.

Used where this process may make directories in them, which is never required. A job's directory is
named after the slot, so that whoever comes next can tell and remove what a killed slot left behind.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.job import Limits
from grader.wall import owner

_MIB = 1 << 20
# Charged to a job although no student asked for it: copies of the interpreter's pages (a cold process
# brings all of them), page tables, kernel memory.
OVERHEAD = 512 * _MIB
_REMOVE_SECONDS = 10.0  # a killed process may have gigabytes to give back
_FREEZE_SECONDS = 2.0  # a process is frozen when it is next scheduled: milliseconds
_serial = itertools.count()


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """One mounted hierarchy: its version, the controllers we use of it, and where we make directories."""

    version: int
    controllers: frozenset[str]
    base: Path


class JobCgroup:
    """The cgroups of one job; empty where none is writable."""

    def __init__(self, directories: dict[Path, Hierarchy], limits: Limits) -> None:
        self._directories = directories
        self.procs: list[int] = []  # write "0" there to join; the job inherits the opener's right
        try:
            for directory, hierarchy in directories.items():
                directory.mkdir()
                _set_limits(directory, hierarchy, limits)
                self.procs.append(os.open(directory / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC))
        except OSError:
            self.remove()
            raise

    def _find(self, controller: str) -> tuple[Path, int] | None:
        for directory, hierarchy in self._directories.items():
            if controller in hierarchy.controllers:
                return directory, hierarchy.version
        return None

    @property
    def memory(self) -> bool:
        """Say whether the kernel limits this job's memory."""
        return self._find("memory") is not None

    def cpu_seconds(self) -> float | None:
        """Return the CPU time of everything that ever ran in here; None where nobody counts."""
        if not (found := self._find("cpu")):
            return None
        directory, version = found
        if version == 2:
            return _field(directory / "cpu.stat", "usage_usec") / 1e6
        return int((directory / "cpuacct.usage").read_text()) / 1e9

    def out_of_memory(self) -> bool:
        """Say whether the kernel has ended a process of this job for its memory."""
        if not (found := self._find("memory")):
            return False
        directory, version = found
        name = "memory.events" if version == 2 else "memory.oom_control"
        return _field(directory / name, "oom_kill") > 0

    def freeze(self) -> bool:
        """Halt everything in here, what is forked meanwhile included; False where that cannot be done.

        Only by version 2: what the first one has frozen cannot be killed, and would outlive a slot that was.
        """
        if not (found := self._find("freezer")):
            return False
        directory, _ = found
        try:
            (directory / "cgroup.freeze").write_text("1")
            deadline = time.monotonic() + _FREEZE_SECONDS
            while _field(directory / "cgroup.events", "frozen") != 1:
                if time.monotonic() > deadline:  # one waits in the kernel, where it takes no time
                    break
                time.sleep(0.0005)
        except OSError:
            return False
        return True

    def thaw(self) -> None:
        """Let everything in here go on."""
        if found := self._find("freezer"):
            with contextlib.suppress(OSError):
                (found[0] / "cgroup.freeze").write_text("0")

    def kill(self) -> None:
        """End everything in here: the last resort when the job's own chain of command is broken."""
        for directory in self._directories:
            with contextlib.suppress(OSError):
                (directory / "cgroup.kill").write_text("1")
            with contextlib.suppress(OSError, ValueError):
                for pid in (directory / "cgroup.procs").read_text().split():
                    os.kill(int(pid), 9)

    def close(self) -> None:
        """Close the descriptors that were passed to the job."""
        while self.procs:
            os.close(self.procs.pop())

    def remove(self) -> bool:
        """Remove the directories; False when something in them is still alive."""
        self.close()
        deadline = time.monotonic() + _REMOVE_SECONDS
        while left := [d for d in self._directories if not _rmdir(d)]:
            if time.monotonic() > deadline:
                return False
            self._directories = {d: self._directories[d] for d in left}
            time.sleep(0.002)
        return True


class Cgroups:
    """What this process may use of the machine's control groups."""

    def __init__(self, hierarchies: tuple[Hierarchy, ...]) -> None:
        self._hierarchies = hierarchies

    @property
    def memory(self) -> bool:
        """Say whether jobs' memory can be limited by the kernel."""
        return any("memory" in h.controllers for h in self._hierarchies)

    @property
    def controllers(self) -> frozenset[str]:
        """Return the usable controllers among memory, pids, cpu, freezer."""
        return frozenset[str]().union(*(h.controllers for h in self._hierarchies))

    def make(self, limits: Limits) -> JobCgroup:
        """Make the cgroups of one job."""
        name = f"{owner.prefix()}{next(_serial)}"
        return JobCgroup({h.base / name: h for h in self._hierarchies}, limits)

    def sweep(self) -> None:
        """Remove what slots that are no longer alive left behind."""
        for hierarchy in self._hierarchies:
            for directory in hierarchy.base.glob("grader-*"):
                if owner.is_orphan(directory.name):
                    _rmdir(directory)


def find_cgroups(proc: Path = Path("/proc/self")) -> Cgroups:
    """Find every hierarchy in which this process can make a directory, by making one."""
    found: list[Hierarchy] = []
    for hierarchy in _hierarchies(proc):
        wanted = hierarchy.controllers - frozenset[str]().union(*(h.controllers for h in found))
        if wanted and _usable(hierarchy.base):
            found.append(Hierarchy(hierarchy.version, wanted, hierarchy.base))
    return Cgroups(tuple(found))


def _hierarchies(proc: Path) -> Iterator[Hierarchy]:
    """Yield candidates in the order of preference."""
    for version, names, mount_point, own in memberships(proc):
        if version == 2:
            yield from _version_2(mount_point, own)
        elif used := names & {"memory", "pids", "cpuacct"}:
            yield Hierarchy(1, frozenset("cpu" if n == "cpuacct" else n for n in used), own)


def memberships(proc: Path) -> Iterator[tuple[int, frozenset[str], Path, Path]]:
    """Yield the hierarchies of a process: version, controllers, mount point, its own group's directory."""
    try:
        mounts = (proc / "mountinfo").read_text().splitlines()
        memberships = (proc / "cgroup").read_text().splitlines()
    except OSError:  # not Linux
        return
    own = {tuple(line.split(":", 2)[1].split(",")): line.split(":", 2)[2] for line in memberships}
    for line in mounts:
        before, _, after = line.partition(" - ")
        root, mount_point = before.split()[3:5]
        kind, _, options = after.split()[:3]
        if kind == "cgroup2" and ("",) in own:
            yield 2, frozenset(), Path(mount_point), _below(Path(mount_point), own["",], root)
        elif kind == "cgroup":
            for names, path in own.items():
                if set(names) <= set(options.split(",")):
                    base = _below(Path(mount_point), path, root)
                    yield 1, frozenset(names), Path(mount_point), base


def _version_2(mount_point: Path, own: Path) -> Iterator[Hierarchy]:
    """Yield our own cgroup and its ancestors, where they already hand the controllers on.

    A cgroup with processes in it cannot, and moving those elsewhere is not ours to do, so usually it
    is the parent (a user's slice, or with root's rights the system's) that takes our directories.
    """
    for base in (own, *own.parents):
        if not base.is_relative_to(mount_point):
            return
        with contextlib.suppress(OSError):
            passed_on = frozenset((base / "cgroup.subtree_control").read_text().split())
            if "memory" in passed_on:
                # cpu.stat counts, and cgroup.freeze halts, without a controller
                yield Hierarchy(2, (passed_on & {"memory", "pids"}) | {"cpu", "freezer"}, base)


def _below(mount_point: Path, path: str, root: str) -> Path:
    """Return where cgroup `path` is found when the mount shows the hierarchy from `root` on."""
    inner = path.removeprefix(root.rstrip("/")) if root != "/" else path
    return mount_point / inner.lstrip("/")


def _usable(base: Path) -> bool:
    probe = base / f"{owner.prefix()}{next(_serial)}"
    try:
        probe.mkdir()
    except OSError:
        return False
    try:
        os.close(os.open(probe / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC))
    except OSError:
        return False
    finally:
        _rmdir(probe)
    return True


def _set_limits(directory: Path, hierarchy: Hierarchy, limits: Limits) -> None:
    memory = (limits.memory + limits.scratch) * _MIB + OVERHEAD
    if "pids" in hierarchy.controllers:
        (directory / "pids.max").write_text(str(limits.processes))
    if "memory" not in hierarchy.controllers:
        return
    if hierarchy.version == 2:
        (directory / "memory.max").write_text(str(memory))
        optional = {"memory.swap.max": "0", "memory.oom.group": "1"}
    else:
        (directory / "memory.limit_in_bytes").write_text(str(memory))
        optional = {"memory.memsw.limit_in_bytes": str(memory)}
    for name, value in optional.items():
        with contextlib.suppress(OSError):  # a kernel without swap accounting
            (directory / name).write_text(value)


def _field(path: Path, name: str) -> int:
    for line in path.read_text().splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    return 0


def _rmdir(directory: Path) -> bool:
    try:
        directory.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
