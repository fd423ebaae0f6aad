"""How long each call may take. What hangs must not use up the time of the tests of everything else."""

from __future__ import annotations

from dataclasses import dataclass, field

LEAST = 1 / 16  # of the exercise's limit for a call
ELSEWHERE = 1 / 4  # of it, at least, for a function that has not been too slow itself
ON_KITS = 1 / 8  # of it, for one that was too slow on the student's own code of earlier exercises
SLACK = 4.0  # times what it has taken to answer may a function always take


@dataclass(slots=True)
class Patience:
    """The seconds that a call of each function of one solution may take.

    Each time that a call runs out of them, the next one has half as long, in whatever worker: down to
    LEAST for that function, to ELSEWHERE for any other, which may hang in the same place. But a function
    has never less than several times as long as it has needed to answer.
    """

    call: float  # the exercise's limit
    _left: dict[str, float] = field(default_factory=dict)
    _needed: dict[str, float] = field(default_factory=dict)
    _times: int = 0  # a call ran out of time

    def seconds(self, name: str) -> float:
        """Return how long a call may take."""
        return min(self.call, max(self._allowed(name), SLACK * self._needed.get(name, 0.0)))

    def answered(self, name: str, took: float) -> None:
        """Note that a call has answered."""
        if took > self._needed.get(name, 0.0):
            self._needed[name] = took

    def lose(self, name: str) -> None:
        """Note that a call has run out of its time."""
        self._left[name] = max(self._allowed(name) / 2, self.call * LEAST)
        self._times += 1

    def on_kits(self) -> Patience:
        """Return that for the same solution on the published kits, where it may be in time."""
        left = dict.fromkeys(self._left, self.call * ON_KITS)
        return Patience(self.call, left, dict(self._needed), self._times)

    def _allowed(self, name: str) -> float:
        elsewhere = self.call * max(ELSEWHERE, 0.5**self._times)
        return self._left.get(name, elsewhere)
