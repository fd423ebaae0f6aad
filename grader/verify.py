"""Test the tests: what is right gets everything, every known mistake is caught, the starter gets nothing."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from grader.exercise import SHARED_TESTS, STATIC_TESTS, TRIVIAL, Exercise
from grader.job import Job, JobResult, Score, State, Status, TestResult, score_job
from grader.nulls import null_sources, spoilt_bonus
from grader.schedule import plan_slots, run_jobs
from grader.wall.launch import Tier

CAUGHT = (Status.FAILED, Status.ERROR, Status.KILLED, Status.VIOLATION)
# library: what the field uses, wrapped: the tests accept it, too, where they do not look at the source;
# mutant: on the tests it names; matrix: a mutant on all tests;
# null, stub: trivial answers, generated and written by hand; bonus: wrong in bonus names only
KINDS = ("reference", "variant", "kit", "library", "mutant", "matrix", "null", "stub", "bonus", "starter")
CORRECT = ("reference", "variant", "kit", "library")
TRIVIAL_KINDS = ("null", "stub")
TRIVIAL_BONUS = 2.0  # bonus points that a trivial answer may earn: a tenth, as of the others
MARGIN = 0.5  # correct code may use this share of a float32 limit before verify says so
QUICK_SEEDS, FULL_SEEDS = 1, 20


@dataclass(frozen=True, slots=True)
class Specimen:
    """One solution of ours, and what has to come of it."""

    kind: str  # see KINDS
    name: str
    files: dict[str, bytes] = field(repr=False)
    tests: tuple[str, ...] = ()  # the tests to run (empty: all)
    must_fail: tuple[str, ...] = ()  # a mutant's own list of tests that catch it

    @property
    def is_reference(self) -> bool:
        """Tell whether it is the reference, on the references upstream."""
        return self.kind == "reference" and not self.name

    @property
    def is_stacked(self) -> bool:
        """Tell whether it is the reference on other upstream code than the references."""
        return self.kind == "reference" and bool(self.name)

    @property
    def label(self) -> str:
        """Name it in a table."""
        return f"{self.kind}/{self.name}" if self.name else self.kind


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one specimen at one seed."""

    specimen: Specimen
    seed: int
    result: JobResult
    problems: tuple[str, ...]

    @property
    def caught_by(self) -> tuple[str, ...]:
        """The tests it did not pass."""
        return tuple(t.name for t in self.result.tests if t.status in CAUGHT)


@dataclass(frozen=True, slots=True)
class Verification:
    """Everything found out about one exercise's tests."""

    exercise: Exercise
    findings: tuple[Finding, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, one line each."""
        return tuple(f"{f.specimen.label} (seed {f.seed}): {p}" for f in self.findings for p in f.problems)

    def of_kind(self, *kinds: str) -> tuple[Finding, ...]:
        """Return the findings on some kinds of specimens."""
        return tuple(f for f in self.findings if f.specimen.kind in kinds)

    def margins(self) -> dict[str, float]:
        """Return, per test, the largest share of a tolerance that correct code used."""
        worst: dict[str, float] = {}
        for finding in self.of_kind(*CORRECT):
            for test in finding.result.tests:
                for _, ratio in test.margins:
                    worst[test.name] = max(worst.get(test.name, 0.0), ratio)
        return worst

    def trivial(self) -> dict[str, Score]:
        """Return what the solutions that answer trivially earn, the best first."""
        found = self.of_kind(*TRIVIAL_KINDS)
        scores = {f.specimen.label: trivial_score(self.exercise, f.result) for f in found}
        return dict(sorted(scores.items(), key=lambda item: -item[1].total))

    def seconds(self) -> float:
        """Return the longest time one correct submission took."""
        return max((f.result.seconds for f in self.of_kind(*CORRECT)), default=0.0)


def specimens(exercise: Exercise, *, full: bool) -> Iterator[Specimen]:
    """Yield every solution of ours that has a known right verdict."""
    yield Specimen("reference", "", exercise.solution_files(exercise.reference_source()))
    for name, source in exercise.variant_sources().items():
        yield Specimen("variant", name, exercise.solution_files(source))
    yield from _on_other_upstreams(exercise)
    behaviour = tuple(spec.name for spec in exercise.tests if spec.name not in STATIC_TESTS)
    for name, source in exercise.library_sources().items():
        yield Specimen("library", name, exercise.library_files(source), behaviour)
    for mutant in exercise.mutants():
        files = exercise.mutant_files(mutant)
        yield Specimen("mutant", mutant.name, files, mutant.caught_by, mutant.caught_by)
        if full:
            yield Specimen("matrix", mutant.name, files)
    for name, source in null_sources(exercise).items():
        yield Specimen("null", name, exercise.solution_files(source))
    for name, source in exercise.stub_sources().items():
        yield Specimen("stub", name, exercise.solution_files(source))
    if (spoilt := spoilt_bonus(exercise)) is not None:
        yield Specimen("bonus", "", exercise.solution_files(spoilt), behaviour)
    yield Specimen("starter", "", exercise.starter_files())
    yield Specimen("starter", "signatures", exercise.starter_files(), ("test_signatures",))


def _on_other_upstreams(exercise: Exercise) -> Iterator[Specimen]:
    """Yield the kit of the exercise, and its reference on upstream code other than the references'."""
    if exercise.kit_path.is_file():
        yield Specimen("kit", "", exercise.solution_files(exercise.kit_path.read_text(encoding="utf-8")))
    if exercise.ancestors:
        files = exercise.solution_files(exercise.reference_source())
        yield Specimen("reference", "on kits", exercise.on_kits(files))
    for ancestor in exercise.ancestors:
        if ancestor.module not in exercise.reference_source():
            continue  # the reference has no use for it
        for name, source in ancestor.variant_sources().items():
            changed = {**files, ancestor.solution_path: source.encode()}
            yield Specimen("reference", f"on {ancestor.name}/{name}", changed)


def _without_compiler(exercise: Exercise, tests: tuple[str, ...]) -> tuple[str, ...]:
    """Leave out of these tests (all, without names) what takes the C++ compiler tens of seconds."""
    slow = {spec.name for spec in exercise.tests if "compiler" in spec.needs}
    return tuple(n for n in tests or [s.name for s in exercise.tests] if n not in slow) if slow else tests


def verify(
    exercises: Sequence[Exercise],
    *,
    tier: Tier,
    device: str,
    slots: int,
    full: bool,
    seed: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Verification, ...]:
    """Grade every specimen of these exercises and judge the tests by it."""
    count = FULL_SEEDS if full else QUICK_SEEDS
    seeds = [seed] if seed is not None else [secrets.randbelow(2**31) for _ in range(count)]
    repeated = (*CORRECT, "mutant") if full else CORRECT
    work: dict[tuple[str, str, int], tuple[Job, Specimen]] = {}
    for exercise in exercises:
        own = tuple(specimens(exercise, full=full))
        for s in seeds:  # the outer loop: a slot keeps what it has worked out for one seed
            for specimen in own:
                if s == seeds[0] or (specimen.kind in repeated and (full or not specimen.is_stacked)):
                    compiles = (
                        (full and not specimen.is_stacked)  # torch makes no kernels for complex numbers
                        or specimen.kind in ("mutant", "starter")
                        or (specimen.is_reference and s == seeds[0])
                    )
                    job = Job(
                        exercise.name,
                        specimen.label,
                        device,
                        specimen.files,
                        s,
                        specimen.tests if compiles else _without_compiler(exercise, specimen.tests),
                        diagnose=False,
                        policy=specimen.kind != "library",
                    )
                    work[exercise.name, specimen.label, s] = (job, specimen)
    found: dict[str, list[Finding]] = {exercise.name: [] for exercise in exercises}
    by_name = {exercise.name: exercise for exercise in exercises}
    plan = plan_slots(exercises, tier, device)
    for done, result in enumerate(run_jobs([job for job, _ in work.values()], plan, slots), 1):
        _, specimen = work[result.exercise, result.submission, result.seed]
        problems = tuple(judge(by_name[result.exercise], specimen, result))
        found[result.exercise].append(Finding(specimen, result.seed, result, problems))
        progress(done, len(work))
    return tuple(Verification(e, tuple(sorted(found[e.name], key=_order))) for e in exercises)


def _order(finding: Finding) -> tuple[int, str, int]:
    return KINDS.index(finding.specimen.kind), finding.specimen.name, finding.seed


def judge(exercise: Exercise, specimen: Specimen, result: JobResult) -> Iterator[str]:
    """Yield what is wrong with the outcome of one specimen."""
    if result.state is not State.GRADED:
        why = result.fault.strip().splitlines() or [str(result.state)]
        yield f"could not be graded: {why[-1]}"
        return
    if (
        result.notice and specimen.name != "signatures"
    ):  # it would be "caught" by every test for the wrong reason
        yield f"does not run: {result.notice.en.splitlines()[-1]}"
    if specimen.kind in CORRECT:
        for test in result.tests:
            if test.status is not Status.UNGRADABLE and test.fraction < 1:
                yield f"{test.name} is {test.status}: {test.message.en}"
    elif specimen.kind == "mutant":
        known = {spec.name for spec in exercise.tests}
        outcome = {test.name: test for test in result.tests}
        for name in specimen.must_fail:
            if name not in known:
                yield f"names {name!r}, which is no test of the exercise"
            elif not _catches(outcome.get(name)):
                yield f"survives {name}"
    elif specimen.kind in TRIVIAL_KINDS:
        score = trivial_score(exercise, result)
        if score.points > TRIVIAL or score.bonus > TRIVIAL_BONUS:
            earned = ", ".join(t.name for t in result.tests if t.fraction and t.name not in SHARED_TESTS)
            yield (
                f"answers trivially and gets {score.points:g} points and {score.bonus:g} of bonus, "
                f"more than {TRIVIAL:g} and {TRIVIAL_BONUS:g} ({earned})"
            )
    elif specimen.kind == "bonus":
        bonus = {spec.name for spec in exercise.tests if spec.bonus}
        for test in result.tests:
            if test.name not in bonus and _catches(test) and test.status is not Status.UNGRADABLE:
                yield f"loses a required test to a bonus name, {test.name}: {test.message.en}"
    elif specimen.kind == "matrix":
        pass  # shown, not judged: a mutant may be caught by more tests than it names
    elif specimen.name == "signatures":
        if any(spec.name == "test_signatures" for spec in exercise.tests):
            yield from (f"differs from the reference: {t.message.en}" for t in result.tests if _catches(t))
    elif (points := score_job(exercise.tests, result).total) > 0:
        earned = ", ".join(t.name for t in result.tests if t.fraction)
        yield f"gets {points:g} points ({earned})"


def trivial_score(exercise: Exercise, result: JobResult) -> Score:
    """Score a trivial solution, also where tests were left out, as a whole run would."""
    begun = exercise.is_begun(result.tests)
    return score_job([spec for spec in exercise.tests if begun or spec.name not in SHARED_TESTS], result)


def _catches(test: TestResult | None) -> bool:
    """Tell whether a test took points from the specimen (or cannot run here at all)."""
    return test is not None and (test.status in CAUGHT or test.status is Status.UNGRADABLE)
