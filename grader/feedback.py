"""Is a known mistake named where somebody else makes it? Put each into correct variants, and see.

The mutants themselves prove little: a mutant answers as it does itself. So every mistake moves into
solutions written differently (see transplant), these are graded as a student's would be, and what they are
told is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

from grader.diagnosis import hints_in
from grader.exercise import Exercise
from grader.graft import Mutant, graft
from grader.job import Job, JobResult, State, Status, Text
from grader.schedule import plan_slots, run_jobs
from grader.transplant import definitions, dependents, holders, transplant
from grader.wall.launch import Tier

CAUGHT = (Status.FAILED, Status.ERROR, Status.KILLED, Status.VIOLATION)
DUE = 0.85  # of the mistakes must be named rightly


class Outcome(StrEnum):
    """What a submission with a known mistake was told."""

    RIGHT = "right"
    HEDGED = "hedged"  # named as one of two
    UNNAMED = "unnamed"  # the tests' own hints only
    WRONG = "wrong"  # the hint of another mistake, as if it were certain
    NOT_EXPRESSIBLE = "not expressible"  # passes all tests that the mutant names: no mistake there
    UNGRADED = "ungraded"


@dataclass(frozen=True, slots=True)
class Graft:
    """A mistake in a variant. `names` are the public names that moved there."""

    mutant: Mutant
    variant: str
    names: tuple[str, ...]
    source: str = field(repr=False)

    @property
    def label(self) -> str:
        """Name it in a table."""
        return f"{self.mutant.name} in {self.variant}"


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of one graft; `shown` are (test, hints of mistakes it was given), own hints left out."""

    graft: Graft
    outcome: Outcome
    shown: tuple[tuple[str, tuple[Text, ...]], ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Feedback:
    """All trials of one exercise."""

    exercise: Exercise
    trials: tuple[Trial, ...]

    def count(self, *outcomes: Outcome) -> int:
        """Count the trials that ended in one of these ways."""
        return sum(trial.outcome in outcomes for trial in self.trials)

    @property
    def expressible(self) -> int:
        """How many mistakes there were to name."""
        return self.count(Outcome.RIGHT, Outcome.HEDGED, Outcome.UNNAMED, Outcome.WRONG)

    @property
    def share(self) -> float:
        """The share of mistakes that were named rightly."""
        return self.count(Outcome.RIGHT, Outcome.HEDGED) / max(self.expressible, 1)

    @property
    def good(self) -> bool:
        """Whether enough is named, nothing wrongly, and everything could be tried."""
        return self.share >= DUE and not self.count(Outcome.WRONG, Outcome.UNGRADED)


def measure(
    exercises: Sequence[Exercise],
    *,
    tier: Tier,
    device: str,
    slots: int,
    full: bool,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Feedback, ...]:
    """Try every mistake on one variant and the tests it names, or (`full`) on all variants and all tests."""
    plan = plan_slots(exercises, tier, device)
    found: dict[str, list[Trial]] = {exercise.name: [] for exercise in exercises}
    waiting = [(e, attempts) for e in exercises for attempts in _attempts(e, full=full)]
    total = len(waiting)
    while waiting:
        round_ = {
            (e.name, f"{number}"): (e, attempts, next(attempts))
            for number, (e, attempts) in enumerate(waiting)
        }
        jobs = [
            Job(e.name, key, device, e.solution_files(g.source), seed, () if full else g.mutant.caught_by)
            for (_, key), (e, _, g) in round_.items()
        ]
        waiting = []
        for result in run_jobs(jobs, plan, slots):
            e, attempts, g = round_[result.exercise, result.submission]
            trial = judge(e.mutants(), g, result)
            more = attempts if trial.outcome is Outcome.NOT_EXPRESSIBLE else None
            if more is not None and (rest := list(islice(more, 1))):
                waiting.append((e, _chain(rest[0], more)))
            else:
                found[e.name].append(trial)
                progress(sum(map(len, found.values())), total)
    return tuple(
        Feedback(e, tuple(sorted(found[e.name], key=lambda t: (t.graft.mutant.name, t.graft.variant))))
        for e in exercises
    )


def judge(mutants: Sequence[Mutant], graft_: Graft, result: JobResult) -> Trial:
    """Judge what a graft was told."""
    mutant = graft_.mutant
    if result.state is not State.GRADED:
        return Trial(graft_, Outcome.UNGRADED, fault=(result.fault.strip().splitlines() or [""])[-1])
    failing = [test for test in result.tests if test.status in CAUGHT]
    if not any(test.name in mutant.caught_by for test in failing):
        return Trial(graft_, Outcome.NOT_EXPRESSIBLE)
    told = [(test.name, hints_in(test.hint, mutants)) for test in failing]
    shown = tuple((test, hints) for test, hints in told if hints)
    named = [hints for test, hints in shown if test in mutant.caught_by and mutant.hint in hints]
    if any(hints != (mutant.hint,) for _, hints in shown if len(hints) == 1):
        outcome = Outcome.WRONG
    elif not named:
        outcome = Outcome.UNNAMED
    else:
        outcome = Outcome.RIGHT if (mutant.hint,) in named else Outcome.HEDGED
    return Trial(graft_, outcome, shown)


def _chain(first: Graft, rest: Iterator[Graft]) -> Iterator[Graft]:
    yield first
    yield from rest


def _attempts(exercise: Exercise, *, full: bool) -> Iterator[Iterator[Graft]]:
    """Yield, for each trial to be made, the grafts to try until one is a mistake."""
    variants = list(exercise.variant_sources().items())
    for number, mutant in enumerate(exercise.mutants()):
        turn = number % max(len(variants), 1)
        if full:
            for variant in variants:
                yield grafts(exercise, mutant, [variant])
        else:
            yield grafts(exercise, mutant, variants[turn:] + variants[:turn])


def grafts(exercise: Exercise, mutant: Mutant, variants: Sequence[tuple[str, str]]) -> Iterator[Graft]:
    """Yield the ways to put a mistake into these variants: what holds it, then also all that uses that."""
    public = exercise.interface.names
    program = graft(exercise.reference_source(), mutant.source)
    least = holders(program, definitions(mutant.source), public)
    for variant, source in variants:
        for names in dict.fromkeys((least, dependents(program, least, public))):
            grafted = transplant(source, program, names, public)
            yield Graft(mutant, variant, tuple(sorted(names)), grafted)
