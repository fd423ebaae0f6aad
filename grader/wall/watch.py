"""Look after a job while the judge is busy with something else."""

from __future__ import annotations

import threading
from collections.abc import Callable

from grader.job import Reason
from grader.wall.limits import Usage

_TICK = 0.1  # seconds between two looks


class Watch:
    """A thread that ends a job beyond its limits. `found` says which, once it has."""

    def __init__(self, usage: Usage, put_down: Callable[[], object]) -> None:
        self.found: tuple[Reason, str] | None = None
        self._usage = usage
        self._put_down = put_down
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._over.wait(_TICK):
            if exceeded := self._usage.exceeded():
                self.found = exceeded
                self._put_down()
                return

    def stop(self) -> None:
        """Stop looking. On return it does nothing to the job any more."""
        self._over.set()
        self._thread.join()
