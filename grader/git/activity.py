"""What a process and all that it started have done so far: worked, or waited for something elsewhere."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


class Activity:
    """The seconds in which a process and its descendants worked, and in which they only waited.

    Time in which they could have worked, had others not kept the processor, is neither. Where the system does
    not tell (macOS), all time counts as waiting, and none as work.
    """

    def __init__(self, pid: int) -> None:
        self.waited = 0.0
        self._pid = pid
        self._seen: dict[int, tuple[float, float]] = {}  # by thread: seconds that it ran, and was ready to
        self._looked = time.monotonic()

    @property
    def worked(self) -> float:
        """CPU seconds, of threads that have ended as last seen."""
        return sum(ran for ran, _ in self._seen.values())

    def look(self) -> None:
        """Take in what happened since the last look."""
        before, now = sum(map(sum, self._seen.values())), time.monotonic()
        self._seen |= _threads(self._pid)
        busy = sum(map(sum, self._seen.values())) - before
        self.waited += max(0.0, now - self._looked - busy)
        self._looked = now


def _threads(pid: int) -> dict[int, tuple[float, float]]:
    found = {}
    todo = [pid]
    while todo:
        for thread in _listed(_PROC / str(todo.pop()) / "task"):
            with suppress(OSError, ValueError):  # it has ended
                ran, ready, _ = map(int, (thread / "schedstat").read_text().split())
                found[int(thread.name)] = (ran / 1e9, ready / 1e9)
                todo += map(int, (thread / "children").read_text().split())
    return found


def _listed(folder: Path) -> list[Path]:
    with suppress(OSError):
        return list(folder.iterdir())
    return []
