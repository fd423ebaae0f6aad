"""Name what a slot makes after the slot, so that what a killed one left behind can be told and removed."""

from __future__ import annotations

import os
import re
from pathlib import Path

_NAME = re.compile(r"grader-(\d+)-(-?\d+)-\w+")


def prefix() -> str:
    """Return the beginning of every name that belongs to this process."""
    return f"grader-{os.getpid()}-{start_time(os.getpid())}-"


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
