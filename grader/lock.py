"""One run at a time on one course: a second one waits for its turn, and finds the first one's results."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from grader.errors import UngradedError


@contextmanager
def turn(path: Path, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the lock `path`; where another process does, call `waiting` and wait.

    The system lets go of it when this process ends, however it ends. Two runs side by side would take each
    other's time, and timed tests would suffer.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise UngradedError(
            f"cannot open {path}: {error.strerror}; check that the folder is writable"
        ) from error
    try:
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
