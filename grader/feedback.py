"""Is a known mistake named where somebody else makes it? Put each into correct variants, and see.

The mutants themselves prove little: a mutant answers as it does itself. So every mistake moves into
solutions written differently (see transplant), and variants/mistakes.yaml has mistakes made by hand in the
variants' own code. All are graded as a student's would be, and what they are told is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from grader.diagnosis import hints_in
from grader.exercise import Exercise
from grader.graft import Mutant, graft
from grader.job import Job, JobResult, State, Status, Text
from grader.manifest import Section, read_manifest
from grader.schedule import plan_slots, run_jobs
from grader.transplant import definitions, dependents, holders, transplant
from grader.wall.launch import Tier

CAUGHT = (Status.FAILED, Status.ERROR, Status.KILLED, Status.VIOLATION)
DUE = 0.85  # of the mistakes must be named rightly
MOVED, BY_HAND = "moved", "by hand"


class Outcome(StrEnum):
    """What a submission with a known mistake was told."""

    RIGHT = "right"
    HEDGED = "hedged"  # named as what may be the reason, or as one of two
    UNNAMED = "unnamed"  # the tests' own hints only
    WRONG = "wrong"  # the hint of another mistake, as if it were certain
    NOT_EXPRESSIBLE = "not expressible"  # passes all tests that the mutant names: no mistake there
    UNGRADED = "ungraded"


@dataclass(frozen=True, slots=True)
class Graft:
    """A mistake in a variant. `names` are the public names that moved there; none if it was made by hand."""

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
    """What came of one graft; `shown` are (test, hints of mistakes, certain?), a test's own hint left out."""

    graft: Graft
    outcome: Outcome
    shown: tuple[tuple[str, tuple[Text, ...], bool], ...] = ()
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Feedback:
    """The trials of one exercise with mistakes that were MOVED, or made BY_HAND."""

    exercise: Exercise
    kind: str
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
    """Try every mistake in one variant, on the tests that tell it, or (`full`) in all variants, on all tests.

    Mistakes made by hand are all tried in any case.
    """
    plan = plan_slots(exercises, tier, device)
    found: dict[tuple[str, str], list[Trial]] = {(e.name, k): [] for e in exercises for k in (MOVED, BY_HAND)}
    waiting = [(e, attempts) for e in exercises for attempts in _attempts(e, full=full)]
    total = len(waiting)
    while waiting:  # what turns out to be no mistake in one variant is tried another way in the next round
        tried: dict[str, tuple[Exercise, list[Graft]]] = {
            str(number): attempt for number, attempt in enumerate(waiting)
        }
        jobs = [
            Job(e.name, key, device, e.solution_files(g.source), seed, () if full else _telling(e, g.mutant))
            for key, (e, (g, *_)) in tried.items()
        ]
        waiting = []
        for result in run_jobs(jobs, plan, slots):
            e, (g, *rest) = tried[result.submission]
            trial = judge(e.mutants(), g, result)
            if trial.outcome is Outcome.NOT_EXPRESSIBLE and rest:
                waiting.append((e, rest))
            else:
                found[e.name, MOVED if g.names else BY_HAND].append(trial)
                progress(sum(map(len, found.values())), total)
    by_name = {e.name: e for e in exercises}
    return tuple(
        Feedback(by_name[name], kind, tuple(sorted(trials, key=lambda t: t.graft.label)))
        for (name, kind), trials in found.items()
        if trials
    )


def judge(mutants: Sequence[Mutant], made: Graft, result: JobResult) -> Trial:
    """Judge what a graft was told."""
    mutant = made.mutant
    if result.state is not State.GRADED:
        return Trial(made, Outcome.UNGRADED, fault=(result.fault.strip().splitlines() or [""])[-1])
    failing = [test for test in result.tests if test.status in CAUGHT]
    if not any(test.name in mutant.caught_by for test in failing):
        return Trial(made, Outcome.NOT_EXPRESSIBLE)
    told = [(test.name, *hints_in(test.hint, mutants)) for test in failing]
    shown = tuple((test, hints, certain) for test, hints, certain in told if hints)
    named = [certain for test, hints, certain in shown if test in mutant.caught_by and mutant.hint in hints]
    if any(mutant.hint not in hints for _, hints, certain in shown if certain):
        outcome = Outcome.WRONG
    elif not named:
        outcome = Outcome.UNNAMED
    else:
        outcome = Outcome.RIGHT if any(named) else Outcome.HEDGED
    return Trial(made, outcome, shown)


def _telling(exercise: Exercise, mutant: Mutant) -> tuple[str, ...]:
    """Return the tests that a mutant names, and those that tell it from the others that these tests catch."""
    rivals = (m for m in exercise.mutants() if set(m.caught_by) & set(mutant.caught_by))
    return tuple(dict.fromkeys(test for rival in (mutant, *rivals) for test in rival.caught_by))


def _attempts(exercise: Exercise, *, full: bool) -> Iterator[list[Graft]]:
    """Yield, for each trial to be made, the grafts to try until one is a mistake."""
    variants = list(exercise.variant_sources().items())
    for number, mutant in enumerate(exercise.mutants()):
        turn = number % max(len(variants), 1)
        if full:
            yield from (moved(exercise, mutant, [variant]) for variant in variants)
        elif variants:
            yield moved(exercise, mutant, variants[turn:] + variants[:turn])
    yield from ([made] for made in made_by_hand(exercise))


def moved(exercise: Exercise, mutant: Mutant, variants: Sequence[tuple[str, str]]) -> list[Graft]:
    """Return the ways to move a mistake to these variants: what holds it; then, too, all that uses that."""
    public = exercise.interface.names
    program = graft(exercise.reference_source(), mutant.source)
    least = holders(program, definitions(mutant.source), public)
    return [
        Graft(mutant, variant, tuple(sorted(names)), transplant(source, program, names, public))
        for variant, source in variants
        for names in dict.fromkeys((least, dependents(program, least, public)))
    ]


def made_by_hand(exercise: Exercise) -> Iterator[Graft]:
    """Yield the mistakes that variants/mistakes.yaml makes in the variants. Raises ContentError."""
    path = exercise.path / "variants" / "mistakes.yaml"
    if not path.is_file():
        return
    manifest = read_manifest(path)
    sources, mutants = exercise.variant_sources(), {m.name: m for m in exercise.mutants()}
    manifest.allow_only(*sources)
    for variant in manifest:
        mistakes = manifest.section(variant)
        assert mistakes is not None
        mistakes.allow_only(*mutants)
        for name in mistakes:
            edits = mistakes.section(name)
            assert edits is not None
            yield Graft(mutants[name], variant, (), _edited(sources[variant], edits))


def _edited(source: str, edits: Section) -> str:
    for old in edits:
        if source.count(old) != 1:
            raise edits.error(f"this stands {source.count(old)} times in the variant, not once: {old!r}", old)
        source = source.replace(old, edits.word(old))
    return source
