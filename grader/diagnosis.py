"""Name the mistake: replay a failed test on the exercise's known mistakes and compare the answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from grader.exercise import Exercise
from grader.graft import Mutant
from grader.job import NO_TEXT, Text
from grader.verdict import Verdict

SAME = 1e-4  # relative error below which two answers are the same mistake's
PER_TEST = 6.0  # seconds spent replaying for one test
PER_JOB = 30.0


@dataclass(frozen=True, slots=True)
class Replay:
    """What one solution answered in one test, and how the test ended."""

    answers: tuple[object, ...]
    verdict: Verdict


@dataclass(slots=True)
class Diagnosis:
    """Remembers what each mutant answers, for one exercise and one seed."""

    exercise: Exercise
    mutants: tuple[Mutant, ...]
    _replays: dict[tuple[str, str], Replay] = field(default_factory=dict)

    def hint(
        self, test: str, case: str, seen: Replay, replay: Callable[[Mutant], Replay], budget: float
    ) -> Text:
        """Return the hint of the mutant that answers as the student did, or no text.

        `replay(mutant)` runs the same test at the same seed on a mutant. Two mutants that cannot be
        told apart by this test name nothing: a wrong hint is worse than none.
        """
        deadline = time.monotonic() + min(PER_TEST, budget)
        matches = []
        for mutant in self.mutants:
            if test not in mutant.caught_by:
                continue
            known = self._replays.get((mutant.name, case))
            if known is None:
                if time.monotonic() > deadline:
                    return NO_TEXT
                known = self._replays[mutant.name, case] = replay(mutant)
            if known.verdict == seen.verdict and same_answers(known.answers, seen.answers):
                matches.append(mutant)
        return matches[0].hint if len(matches) == 1 else NO_TEXT


def same_answers(ours: Sequence[object], theirs: Sequence[object]) -> bool:
    """Tell whether two sequences of answers are the same within rounding."""
    return bool(ours) and len(ours) == len(theirs) and all(map(_same, ours, theirs))


def _same(a: object, b: object) -> bool:
    import torch

    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return _same_tensor(a, b)
    if type(a) is not type(b):
        return False
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    if isinstance(a, float) and isinstance(b, float):
        return a == b or abs(a - b) <= SAME * max(abs(a), abs(b))
    if isinstance(a, None | bool | int | str | bytes):
        return a == b
    return True  # two handles of one class


def _same_tensor(a: object, b: object) -> bool:
    import torch

    assert isinstance(a, torch.Tensor)
    assert isinstance(b, torch.Tensor)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    x, y = a.double(), b.double()
    finite = x.isfinite()
    if not torch.equal(finite, y.isfinite()):
        return False
    norm = max(float(x[finite].norm()), float(y[finite].norm()))
    return float((x[finite] - y[finite]).norm()) <= SAME * norm
