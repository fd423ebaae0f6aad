"""How long each call may take. A function that hangs must not use up the time of all others."""

from __future__ import annotations

from dataclasses import dataclass, field

LEAST = 1 / 16  # of the exercise's limit for a call
ON_KITS = 1 / 4  # of it, for a function that ran out of time on the student's own code of earlier exercises


@dataclass(slots=True)
class Patience:
    """The seconds that a call of each function of one solution may take.

    Each time that a function runs out of them, its next call has half as long, in whatever worker.
    """

    call: float  # the exercise's limit
    _left: dict[str, float] = field(default_factory=dict)

    def seconds(self, name: str) -> float:
        """Return how long a call may take."""
        return self._left.get(name, self.call)

    def lose(self, name: str) -> None:
        """Note that a call has run out of its time."""
        self._left[name] = max(self.seconds(name) / 2, self.call * LEAST)

    def on_kits(self) -> Patience:
        """Return that for the same solution on the published kits, where it may be in time."""
        return Patience(self.call, dict.fromkeys(self._left, self.call * ON_KITS))
