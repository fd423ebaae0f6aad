"""How much memory is left: the machine's, or less where a control group holds this process to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from grader.wall.cgroup import memberships

# By version: the limit, what is used of it, and what of that the kernel takes back by itself (file cache).
_FILES = {
    1: ("memory.limit_in_bytes", "memory.usage_in_bytes", ("total_inactive_file", "total_active_file")),
    2: ("memory.max", "memory.current", ("inactive_file", "active_file")),
}


def available(proc: Path = Path("/proc")) -> int | None:
    """Return the bytes that can be used without swapping; None where nobody says."""
    left = [*_machine(proc), *_cgroups(proc / "self")]
    return max(0, min(left)) if left else None


def _machine(proc: Path) -> Iterator[int]:
    with contextlib.suppress(OSError):  # not Linux
        fields = dict(line.split(":", 1) for line in (proc / "meminfo").read_text().splitlines())
        yield int(fields["MemAvailable"].split()[0]) * 1024


def _cgroups(proc: Path) -> Iterator[int]:
    """Yield what is left in our own group and in those above it."""
    for version, names, mount_point, own in memberships(proc):
        if version == 1 and "memory" not in names:
            continue
        limit, used, cache = _FILES[version]
        for group in (own, *own.parents):
            if not group.is_relative_to(mount_point):
                break
            with contextlib.suppress(OSError, ValueError):  # "max", or a group that has no limit at all
                stat = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
                free = int((group / limit).read_text()) - int((group / used).read_text())
                yield free + sum(int(stat.get(name, 0)) for name in cache)
