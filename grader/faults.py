"""What failed on our side, written down for the instructor: one file for each run that had faults."""

from __future__ import annotations

import contextlib
import os
import traceback
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from grader.errors import CourseError, UngradedError
from grader.sanitise import line, plain

_KEPT = 20  # files; the oldest go
_LONGEST = 100_000  # characters of one fault


class FaultLog:
    """A file in `folder`, made when the first fault is added. Readable by its owner only: it quotes tests.

    As a context manager it takes in what nobody foresaw, too, and lets the user have one line of it.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}.log"
        self.written = False

    def add(self, what: str, fault: str) -> None:
        """Append a fault. A log that cannot be written is no reason to stop."""
        entry = f"{datetime.now(UTC):%H:%M:%S} {line(what, 400)}\n{plain(fault, _LONGEST).strip()}\n\n"
        with contextlib.suppress(OSError):
            if not self.written:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._make_room()
            file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                os.write(file, entry.encode())
            finally:
                os.close(file)
            self.written = True

    def _make_room(self) -> None:
        for path in sorted(self.path.parent.glob("*.log"))[: 1 - _KEPT]:
            path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception) and not isinstance(error, CourseError):
            told = "".join(traceback.format_exception(error))
            self.add("the grader itself", told)
            where = f"the traceback is in {self.path}" if self.written else told
            raise UngradedError(
                f"a fault of the grader ({type(error).__name__}: {line(str(error))}); "
                f"what was graded is kept, and no point is lost; {where}"
            ) from error
