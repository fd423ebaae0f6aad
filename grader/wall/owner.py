"""What belongs to which slot: names, so that what a killed one left behind is told and removed; a user id."""

from __future__ import annotations

import os
import re
from pathlib import Path

_NAME = re.compile(r"grader-(\d+)-(-?\d+)-\w+")
_NOBODY = 65534
_FIRST_FREE = 0x7000_0000  # from here to 0x7fffffff user ids belong to nobody, by systemd's table of them


def prefix() -> str:
    """Return the beginning of every name that belongs to this process."""
    return f"grader-{os.getpid()}-{start_time(os.getpid())}-"


def job_uid() -> int:
    """Return the user id that this process's jobs run as, where it may choose: its own, and nobody else's.

    What the kernel counts per user (pipes, descriptors on their way, watches) no job can then use up for
    another slot's. In a container that has only few ids, they share one.
    """
    own = _FIRST_FREE + os.getpid()
    return own if all(_is_mapped(own, kind) for kind in ("uid", "gid")) else _NOBODY


def _is_mapped(number: int, kind: str) -> bool:
    """Say whether a user (or group) id exists in this process's user namespace."""
    try:
        lines = Path(f"/proc/self/{kind}_map").read_text().splitlines()
    except OSError:
        return False
    ranges = [(int(first), int(count)) for first, _, count in map(str.split, lines)]
    return any(first <= number < first + count for first, count in ranges)


def is_orphan(name: str) -> bool:
    """Say whether a name belongs to a process that is no longer alive."""
    match = _NAME.fullmatch(name)
    return match is not None and start_time(int(match[1])) != int(match[2])


def start_time(pid: int) -> int:
    """Return when a process started, in clock ticks since boot; -1 where that cannot be told.

    A pid alone would not do: it is given to another process later.
    """
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])
    except OSError:
        return -1
