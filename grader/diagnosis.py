"""Name the mistake: replay a failed test on the exercise's known mistakes and compare the answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from grader.graft import Mutant
from grader.verdict import Verdict

SAME = 1e-4  # relative error below which two answers are the same mistake's
SECONDS = 30.0  # spent on replaying for one job
MOST_BYTES = 4 << 20  # of the answers in one test that are kept to be compared; ours take 1.2 MiB
_VALUE_BYTES = 64  # of a plain value, roughly

Run = Callable[[Mutant], "Replay"]


@dataclass(slots=True)
class Answers:
    """What a solution answers in one test; nothing of it where that is more than anyone needs to compare.

    They are kept until the job has ended, so their number and size must not be the student's to choose.
    """

    kept: list[object] = field(default_factory=list)
    _room: int = MOST_BYTES

    def add(self, _name: str, value: object) -> None:
        """Take in one answer."""
        self._room -= _size(value)
        if self._room >= 0:
            self.kept.append(value)
        else:
            self.kept.clear()


@dataclass(frozen=True, slots=True)
class Replay:
    """What one solution answered in one test, and how the test ended."""

    answers: tuple[object, ...]
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Symptom:
    """A test that a submission failed; `run` replays its case on a mutant at the same seed."""

    test: str
    case: str
    seen: Replay
    run: Run


@dataclass(slots=True)
class Diagnosis:
    """Names mistakes, and remembers what each mutant answers, for one exercise and one seed."""

    mutants: tuple[Mutant, ...]
    _replays: dict[tuple[str, str], Replay] = field(default_factory=dict)

    def of(self, symptoms: Sequence[Symptom]) -> dict[str, Mutant]:
        """Return, by test, the mutant that answers as the student did, where its hint is the only one.

        Two mistakes that a test cannot tell apart name nothing: a wrong hint is worse than none. But a
        mistake found by one test explains any other test on which it answers as the student did.
        """
        deadline = time.monotonic() + SECONDS
        found: dict[str, Mutant] = {}
        for symptom in symptoms:
            own = [m for m in self.mutants if symptom.test in m.caught_by]
            matches = self._matching(symptom, own, dict.fromkeys(found.values()), deadline)
            if len({mutant.hint for mutant in matches}) == 1:
                found[symptom.test] = matches[0]
        for symptom in symptoms:
            if symptom.test not in found:
                matches = self._matching(symptom, [], dict.fromkeys(found.values()), deadline)
                if len(matches) == 1:
                    found[symptom.test] = matches[0]
        return found

    def _matching(
        self, symptom: Symptom, own: Sequence[Mutant], suspects: Iterable[Mutant], deadline: float
    ) -> list[Mutant]:
        """Return the first suspect that answers as the student did, else all such mutants of the test."""
        for mutant in suspects:
            if self._matches(symptom, mutant, deadline):
                return [mutant]
        return [mutant for mutant in own if self._matches(symptom, mutant, deadline)]

    def _matches(self, symptom: Symptom, mutant: Mutant, deadline: float) -> bool:
        known = self._replays.get((mutant.name, symptom.case))
        if known is None:
            if time.monotonic() > deadline:
                return False
            known = self._replays[mutant.name, symptom.case] = symptom.run(mutant)
        seen = symptom.seen
        return known.verdict == seen.verdict and same_answers(known.answers, seen.answers)


def same_answers(ours: Sequence[object], theirs: Sequence[object]) -> bool:
    """Tell whether two sequences of answers are the same within rounding."""
    return bool(ours) and len(ours) == len(theirs) and all(map(_same, ours, theirs))


def _size(value: object) -> int:
    """Return about how many bytes a value takes."""
    import torch

    total, waiting = 0, [value]
    while waiting:
        value = waiting.pop()
        total += _VALUE_BYTES
        if isinstance(value, torch.Tensor):
            total += value.nbytes
        elif isinstance(value, str | bytes):
            total += len(value)
        elif isinstance(value, list | tuple):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
    return total


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
