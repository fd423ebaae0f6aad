"""Name the mistake: replay failed tests on the exercise's known mistakes and see which explains them."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from grader.graft import Mutant
from grader.job import Status, Text
from grader.likeness import NEAR, Draws, distance
from grader.verdict import Verdict

CLEARLY = 10.0  # times nearer than another one is a known mistake that displaces it ...
CLOSE = 0.01  # ... unless the other is as near as this
SECONDS = 30.0  # spent on replaying for one job
MOST_BYTES = 4 << 20  # of the answers in one test that are kept to be compared; ours take 1.2 MiB
_NAMES = 100  # of functions that answered None
_VALUE_BYTES = 64  # of a plain value, roughly
PERHAPS = Text("This may be the reason: {}", "原因可能是：{}")
ONE_OF_TWO = Text(
    "This looks like one of two mistakes. Either: {}\nOr: {}",
    "这看起来是以下两种错误之一。其一：{}\n其二：{}",
)
_PLACE = re.compile(r" \([^()]*\)$")  # where in the student's files an exception was raised
_MAGNITUDE = re.compile(r"\d(\.\d+)?e[+-]\d+|\d+(?= of \d+ )|(?<=\bline )\d+")

Run = Callable[[Mutant | None, int | None], "Replay"]


class Enough(BaseException):  # no Exception: no test may take it for what a solution did
    """A replay has gone on for longer than the student's test did: it is not like it."""


@dataclass(slots=True)
class Answers:
    """What a solution answers in one test; nothing of it where that is more than anyone needs to compare.

    They are kept until the job has ended, so their number and size must not be the student's to choose.
    """

    most: int | None = None  # of a replay; Enough is raised with the next one
    kept: list[object] = field(default_factory=list)
    whole: bool = True  # every answer is kept, as it was
    deaf: bool = False  # while something is asked that other tests want to know, too
    nothing: list[str] = field(default_factory=list)  # who answered None
    last: str = ""  # who answered last
    _room: int = MOST_BYTES

    def add(self, name: str, value: object) -> None:
        """Take in one answer. Raises Enough."""
        self.last = name
        if value is None and len(self.nothing) < _NAMES:
            self.nothing.append(name)
        if self.deaf:
            return
        self._keep(value)
        if self.most is not None and len(self.kept) > self.most:
            raise Enough

    def _keep(self, value: object) -> None:
        self._room -= _size(value)
        if self._room >= 0:
            self.kept.append(value)
        else:
            self.whole = False
            self.kept.clear()

    def clue(self, value: object, replaces: int) -> None:
        """Take in what a test says of the last `replaces` answers in their place."""
        if replaces:
            self.whole = False
            self._room += sum(map(_size, self.kept[-replaces:]))
            del self.kept[-replaces:]
        self._keep(value)


@dataclass(frozen=True, slots=True)
class Replay:
    """What one solution answered in one test, and how the test ended."""

    answers: tuple[object, ...]
    verdict: Verdict
    whole: bool = False  # the answers are all that were given, as they were
    cut: bool = False  # broken off before its end


@dataclass(frozen=True, slots=True)
class Symptom:
    """A test that a submission failed.

    `run` replays its case on a mutant (None: right) at the same seed, up to some number of answers.
    """

    test: str
    case: str
    seen: Replay
    run: Run

    @property
    def most(self) -> int | None:
        """How many answers a replay can have that is like this: what goes on for longer ended elsewhere."""
        return len(self.seen.answers) if self.seen.whole else None

    @property
    def telling(self) -> bool:
        """Say whether there is anything that could be like what a mutant does."""
        return bool(self.seen.answers) or _raised(self.seen.verdict)

    def served_by(self, known: Replay) -> bool:
        """Say whether a replay that was broken off for another student serves for this one."""
        return not known.cut or (self.most is not None and len(known.answers) > self.most)


@dataclass(frozen=True, slots=True)
class Named:
    """What a failed test is put down to: one mutant, `certain` if nothing speaks against it, or two."""

    mutants: tuple[Mutant, ...]
    certain: bool

    @property
    def hint(self) -> Text:
        """What the student is told."""
        form = ONE_OF_TWO if len(self.mutants) == 2 else PERHAPS
        hints = [mutant.hint for mutant in self.mutants]
        if self.certain:
            return hints[0]
        return Text(form.en.format(*(h.en for h in hints)), form.zh.format(*(h.zh for h in hints)))


@dataclass(slots=True)
class Diagnosis:
    """Names mistakes, and remembers what each mutant answers, for one exercise and one seed."""

    mutants: tuple[Mutant, ...]
    _replays: dict[tuple[str, str], Replay] = field(default_factory=dict)
    _deadline: float = math.inf

    def of(self, symptoms: Sequence[Symptom], passed: Set[str] = frozenset()) -> dict[str, Named]:
        """Return, by test, the mutant that explains what the student answered, or the two that might.

        One mistake that explains more of the failed tests is likelier than several that explain one each.
        Against it speaks a test that it names, but that passed, or failed in another way: it is named with
        certainty only where there is none. Where two of those looked at are left, both are named, and none
        where there are more: a wrong hint is worse than none.
        """
        self._deadline = time.monotonic() + SECONDS
        matches = self._matches(symptoms, passed)
        explained: dict[Text, set[str]] = {}
        for test, fitting in matches.items():
            for mutant in fitting:
                explained.setdefault(mutant.hint, set()).add(test)
        ended = passed | matches.keys()
        agreed = {m.hint for m in self.mutants if ended & set(m.caught_by) <= explained.get(m.hint, set())}
        found: dict[str, Named] = {}
        for test, fitting in matches.items():
            likely = _likeliest(fitting, explained, agreed)
            if 1 <= len(likely) <= 2:
                certain = len(likely) == 1 and likely[0].hint in agreed
                found[test] = Named(tuple(sorted(likely, key=lambda mutant: mutant.name)), certain)
        return found

    def _matches(self, symptoms: Sequence[Symptom], passed: Set[str]) -> dict[str, list[Mutant]]:
        """Return, by test, the mutants that answer as the student did: its own, and those of other tests.

        First those are replayed that name no test which passed, then the others. One that is found is tried
        on all tests at once, and what it explains is not looked into further.
        """
        far: dict[str, dict[str, float]] = {s.test: {} for s in symptoms}
        complete = dict.fromkeys(far, True)
        likely = [m for m in self.mutants if not any(test in passed for test in m.caught_by)]
        for mutants in (likely, self.mutants):
            for symptom in symptoms:
                test = symptom.test
                if _explained(far[test]):
                    continue
                naming = [m for m in mutants if test in m.caught_by]
                complete[test] &= self._measure(symptom, naming, far[test])
                for other in symptoms:
                    self._measure(other, _found(far, naming), far[other.test])
        for symptom in [s for s in symptoms if not _explained(far[s.test])]:
            self._measure(symptom, _found(far, self.mutants, NEAR), far[symptom.test])
        return {test: self._nearest(d) for test, d in far.items() if complete[test]}

    def _measure(self, symptom: Symptom, mutants: Iterable[Mutant], far: dict[str, float]) -> bool:
        """Note how far each mutant is from the student in one test; say whether time was left for all."""
        for mutant in mutants if symptom.telling else ():
            if mutant.name in far:
                continue
            right, known = self._replay(symptom, None), self._replay(symptom, mutant)
            if right is None or known is None:
                return False
            far[mutant.name] = unlike(symptom.seen, known, right)
        return True

    def _nearest(self, far: Mapping[str, float]) -> list[Mutant]:
        near = {name: d for name, d in far.items() if d <= NEAR}
        limit = max(CLEARLY * min(near.values(), default=0.0), CLOSE)
        return [mutant for mutant in self.mutants if near.get(mutant.name, math.inf) <= limit]

    def _replay(self, symptom: Symptom, mutant: Mutant | None) -> Replay | None:
        """Return what a mutant, or the reference, does in a test; None where no time is left to find out."""
        key = (mutant.name if mutant else "", symptom.case)
        known = self._replays.get(key)
        if known is not None and symptom.served_by(known):
            return known
        if time.monotonic() >= self._deadline:
            return None
        self._replays[key] = symptom.run(mutant, symptom.most)
        return self._replays[key]


def _explained(far: Mapping[str, float]) -> bool:
    return min(far.values(), default=math.inf) <= CLOSE


def _found(
    far: Mapping[str, Mapping[str, float]], mutants: Iterable[Mutant], within: float = CLOSE
) -> list[Mutant]:
    """Return those that answer in some test as the student did."""
    return [m for m in mutants if any(d.get(m.name, math.inf) <= within for d in far.values())]


def _likeliest(
    fitting: Sequence[Mutant], explained: Mapping[Text, Set[str]], agreed: Set[Text]
) -> Sequence[Mutant]:
    """Return those that explain most and that nothing speaks against, or, if none does both, either."""
    different = list({mutant.hint: mutant for mutant in reversed(fitting)}.values())
    best = _greatest(different, explained)
    fine = [mutant for mutant in different if mutant.hint in agreed]
    return [mutant for mutant in best if mutant in fine] or [*best, *_greatest(fine, explained)]


def _greatest(mutants: Sequence[Mutant], explained: Mapping[Text, Set[str]]) -> list[Mutant]:
    """Leave out whose tests another one explains all, and more."""
    return [m for m in mutants if not any(explained[m.hint] < explained[o.hint] for o in mutants)]


def unlike(seen: Replay, known: Replay, right: Replay) -> float:
    """Return how far a student is from a known mistake in one test: 0 the same, beyond NEAR another."""
    if seen.verdict.status != known.verdict.status or _gist(seen.verdict) != _gist(known.verdict):
        return math.inf
    if not seen.answers and not known.answers and not _raised(seen.verdict):
        return math.inf
    return distance(seen.answers, known.answers, right.answers)


def hints_in(hint: Text, mutants: Sequence[Mutant]) -> tuple[tuple[Text, ...], bool]:
    """Return the hints of mistakes that a hint consists of, and whether it is certain of it."""
    known = dict.fromkeys(mutant.hint for mutant in mutants)
    if hint in known:
        return (hint,), True
    hedges = tuple(form.en.partition("{}")[0] for form in (PERHAPS, ONE_OF_TWO))
    return (tuple(h for h in known if h.en in hint.en) if hint.en.startswith(hedges) else ()), False


def _gist(verdict: Verdict) -> str:
    """Return the first sentence of a message without what other code may change: magnitude and place."""
    return _MAGNITUDE.sub("#", _PLACE.sub("", verdict.message.en)).partition(". ")[0]


def _raised(verdict: Verdict) -> bool:
    return verdict.status is Status.ERROR


def _size(value: object) -> int:
    """Return about how many bytes a value takes."""
    import torch

    total, waiting = 0, [value]
    while waiting:
        value = waiting.pop()
        total += _VALUE_BYTES
        if isinstance(value, torch.Tensor):
            total += value.nbytes
        elif isinstance(value, Draws):
            total += value.counts.nbytes
        elif isinstance(value, str | bytes):
            total += len(value)
        elif isinstance(value, list | tuple):
            waiting.extend(value)
        elif isinstance(value, dict):
            waiting.extend(value.values())
    return total
