"""One run of the grader: what to grade, what is known already, what is left; and the gradebook at the end."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from grader.bundle import FORMAT, About, Shard, bundle_bytes
from grader.checkpoint import Checkpoint, read_checkpoint
from grader.cluster import Cluster, connect
from grader.course import Course
from grader.doctor import core_count, has_cuda
from grader.errors import UsageError, WallError, unknown_name
from grader.exercise import Exercise
from grader.faults import FaultLog
from grader.git import enrolled, read_record
from grader.job import JobResult, ResultT, Score, State, score_job
from grader.lock import turn
from grader.plan import Conditions, Plan, Planner
from grader.reports.made import origin_of
from grader.reports.view import Gradebook, Row, combine, make_row, outline
from grader.reports.write import write_file
from grader.schedule import plan_slots, run_jobs
from grader.spool import Spool
from grader.store import Store, Stored, versions
from grader.submission import Submission, commit, list_submissions
from grader.wall.launch import Tier
from grader.wall.memory import available
from grader.wall.probe import best_tier
from grader.wall.view import require_hidden

if TYPE_CHECKING:  # they bring torch along, which `grader run` leaves to its slots
    from grader.feedback import Feedback
    from grader.verify import Verification

STRENGTH = ("none", "C", "A")


class Progress(Protocol):
    """Who is told how a run gets on."""

    def started(self, submission: str, exercise: str) -> None:
        """Note that a job has begun."""

    def finished(self, result: JobResult, score: Score) -> None:
        """Note that a job has ended."""


@dataclass(frozen=True, slots=True)
class Request:
    """What `grader run` was asked to do."""

    course: Course
    names: tuple[str, ...] = ()
    exercises: tuple[str, ...] = ()
    device: str = "auto"
    slots: int | None = None
    seed: int | None = None
    fresh: bool = False
    no_sandbox: bool = False
    model: Path | None = None
    wall: str = "auto"
    shard: Shard = Shard()  # noqa: RUF009  # frozen
    fill: bool = False
    out: Path | None = None
    cluster: str = ""


class Books(NamedTuple):
    """The gradebook that was asked for, and that of the whole course, which reports show."""

    asked: Gradebook
    whole: Gradebook


def grade(
    request: Request,
    watch: Callable[[int, int], AbstractContextManager[Progress]],
    log: FaultLog,
    waiting: Callable[[], None] = lambda: None,
) -> Books:
    """Grade what the request names and return the gradebooks; every result is kept as it comes.

    `watch(jobs, known)` opens the display of the progress; `log` takes in what failed on our side;
    `waiting` is called where another run is at work on the course, which this one then waits for.
    """
    with _cluster(request) as cluster:
        return _grade(request, cluster, watch, log, waiting)


def _grade(
    request: Request,
    cluster: Cluster | None,
    watch: Callable[[int, int], AbstractContextManager[Progress]],
    log: FaultLog,
    waiting: Callable[[], None],
) -> Books:
    def failed(result: JobResult, then: str) -> None:
        log.add(f"{result.submission} {result.exercise}: {then}", result.fault)

    course = request.course
    exercises = course.exercises(request.exercises)
    everybody = _select(course, request.names)
    part = request.shard.members(enrolled(course))  # whoever was asked for: who merges knows the course only
    submissions = [s for s in everybody if s.name in part]
    device = choose_device(request.device, cluster)
    tier = choose_tier(course, device, no_sandbox=request.no_sandbox, least=request.wall, cluster=cluster)
    checkpoint = _take_checkpoint(request.model, exercises)
    slots = _count_slots(request.slots, device, exercises, checkpoint)
    run = cluster.run_jobs if cluster else partial(run_jobs, slots=slots)
    specs = {exercise.name: exercise.tests for exercise in exercises}
    alone = turn(course.store_path.with_name("run.lock"), waiting)
    with alone, Store(course.store_path) as store, Spool(course.store_path.parent) as spool:
        planner = Planner(exercises, Conditions(device, tier, checkpoint, request.seed))
        commits = _commits(course, submissions)
        plan = planner.plan(submissions, commits, store, spool, fresh=request.fresh, fill=request.fill)
        for key, result in plan.put:
            store.put(key, plan.marks[key].on(result), commits[result.submission])
        keys = {(job.submission, job.exercise): key for key, job in plan.jobs.items()}
        names = tuple(s.name for s in everybody)
        handing_on = _handing_on(request, device, planner, names, plan, store)
        with handing_on, watch(len(plan.jobs), plan.known) as progress:
            setup = plan_slots(exercises, tier, device, checkpoint)
            again = partial(failed, then="tried again")
            jobs = list(plan.jobs.values())
            with closing(run(jobs, setup, started=progress.started, failed_once=again)) as results:
                for result in results:
                    if result.fault:
                        failed(result, "ungraded")
                    planner.require_unchanged(result.exercise)
                    key = keys[result.submission, result.exercise]
                    store.put(key, plan.marks[key].on(result), commits[result.submission])
                    progress.finished(result, score_job(specs[result.exercise], result))
    whole = stored(course)
    return Books(whole.only({s.name for s in submissions}, set(specs)), whole)


def _commits(course: Course, submissions: Iterable[Submission]) -> dict[str, str]:
    pulled = {name: pull.commit for name, pull in read_record(course).items()}
    return {s.name: commit(s.path) or pulled.get(s.name, "") for s in submissions}


@contextmanager
def _handing_on(
    request: Request, device: str, planner: Planner, names: tuple[str, ...], plan: Plan, store: Store
) -> Iterator[None]:
    """At the end, also of a run that is cut short, write the file for `grader merge` if one was asked for."""
    try:
        yield
    finally:
        if request.out is not None:
            write_file(request.out, [_bundle(request, device, planner, names, plan, store)])


def _bundle(
    request: Request, device: str, planner: Planner, names: tuple[str, ...], plan: Plan, store: Store
) -> bytes:
    """Return what this run undertook and what came of it."""
    jobs = sorted(plan.undertaken)
    about = About(
        FORMAT,
        kept=False,
        device=device,
        shard=(request.shard.number, request.shard.count),
        versions=versions(),
        judged_by=planner.judges,
        submissions=names,
        jobs=tuple(jobs),
    )
    return bundle_bytes(about, [s for s in store.latest() if s.key in plan.marks])


def look_up(course: Course, names: tuple[str, ...], exercises: tuple[str, ...]) -> Books:
    """Return the gradebooks of what is stored. Raises UsageError for an unknown name."""
    everybody = enrolled(course)
    for kind, asked, known in (
        ("submission", names, everybody),
        ("exercise", exercises, course.exercise_names),
    ):
        for name in asked:
            if name not in known:
                raise unknown_name(kind, name, known)
    whole = stored(course)
    return Books(whole.only(set(names or everybody), set(exercises or course.exercise_names)), whole)


def stored(course: Course, before: str = "") -> Gradebook:
    """Make the gradebook of what is stored, scored by the points that exercise.yaml states now.

    With `before`, an ISO 8601 time in UTC, of what was stored until then.
    """
    known = {exercise.name: exercise for exercise in course.exercises()}
    wanted = set(enrolled(course))
    tables = {name: origin_of(exercise.title, exercise.tests) for name, exercise in known.items()}
    rows: list[Row] = []
    origins: dict[str, list[object]] = defaultdict(list)
    with Store(course.store_path) as store:
        for found in _jobs(store.summaries(before), known, wanted):
            row = _row(outline, found, known)
            rows.append(row)
            made_of = ((s.digest, s.commit, s.stored) for s in found)
            origins[row.submission] += [tables[row.exercise], *made_of]

    def load(submission: str) -> tuple[Row, ...]:
        with Store(course.store_path) as store:
            jobs = _jobs(store.latest(submission, before), known, wanted)
            return tuple(_row(make_row, found, known) for found in jobs)

    return Gradebook(
        tuple(rows),
        course.title,
        datetime.now(UTC).isoformat(timespec="seconds"),
        versions(),
        tuple(known),
        load,
        {name: origin_of(parts) for name, parts in origins.items()},
    )


def _jobs(
    latest: Iterable[Stored[ResultT]], exercises: Container[str], submissions: Container[str]
) -> Iterator[tuple[Stored[ResultT], ...]]:
    """Yield the results of each job, one per device, of what is still in the course."""
    for (submission, exercise), found in groupby(latest, lambda s: (s.result.submission, s.result.exercise)):
        if exercise in exercises and submission in submissions:
            yield _of_the_newest(tuple(found))


def _of_the_newest(found: tuple[Stored[ResultT], ...]) -> tuple[Stored[ResultT], ...]:
    """Return the results that can be put together: of the same files and tests as the newest one."""
    newest = max(found, key=lambda s: s.stored).result
    made_of = (newest.snapshot, newest.judged_by)
    return tuple(s for s in found if (s.result.snapshot, s.result.judged_by) == made_of)


def _row(
    make: Callable[..., Row], found: tuple[Stored[ResultT], ...], exercises: Mapping[str, Exercise]
) -> Row:
    result = combine([s.result for s in found])
    exercise = exercises[result.exercise]
    last = max(found, key=lambda s: s.stored)
    return make(result, exercise.tests, exercise.title, last.commit, last.stored)


def exit_code(book: Gradebook, fail_under: float | None) -> int:
    """Return 3 if anything stayed ungraded through our fault, 1 if a submission is below the mark, else 0."""
    if any(row.state is State.UNGRADED for row in book.rows):
        return 3
    totals = [book.total(name) for name in book.submissions]
    below = fail_under is not None and any(t.total < t.maximum * fail_under / 100 for t in totals)
    return 1 if below else 0


def verify_course(
    course: Course,
    names: tuple[str, ...],
    *,
    device: str,
    slots: int | None,
    full: bool,
    seed: int | None,
    no_sandbox: bool,
    progress: Callable[[int, int], None],
) -> tuple[Verification, ...]:
    """Test the tests of the named exercises (all without names)."""
    from grader.verify import verify

    return verify(
        course.exercises(names),
        tier=choose_tier(course, choose_device(device), no_sandbox=no_sandbox),
        device=choose_device(device),
        slots=slots or core_count(),
        full=full,
        seed=seed,
        progress=progress,
    )


def measure_feedback(
    course: Course,
    names: tuple[str, ...],
    *,
    device: str,
    slots: int | None,
    full: bool,
    seed: int | None,
    no_sandbox: bool,
    progress: Callable[[int, int], None],
) -> tuple[Feedback, ...]:
    """Find out which mistakes are named, for the named exercises (all without names)."""
    from grader.feedback import measure

    return measure(
        course.exercises(names),
        tier=choose_tier(course, choose_device(device), no_sandbox=no_sandbox),
        device=choose_device(device),
        slots=slots or core_count(),
        full=full,
        seed=secrets.randbelow(2**31) if seed is None else seed,
        progress=progress,
    )


def choose_tier(
    course: Course, device: str, *, no_sandbox: bool, least: str = "auto", cluster: Cluster | None = None
) -> Tier:
    """Return the sandbox to use, on every worker of a cluster if there is one.

    Raises WallError where it holds less than the course, or `least`, asks.
    """
    if no_sandbox:
        return "none"
    if cluster is None:
        require_hidden(course.root, device)
    tier = min(cluster.tiers, key=STRENGTH.index) if cluster else best_tier().tier
    least = max("C", *(wall for wall in (course.wall, least) if wall != "auto"), key=STRENGTH.index)
    if STRENGTH.index(tier) < STRENGTH.index(least):
        here = f"only tier {tier} works here" if tier != "none" else "no sandbox can be built here"
        raise WallError(f"sandbox tier {least} or better is required, but {here}; `grader doctor` says why")
    return tier


def choose_device(asked: str, cluster: Cluster | None = None) -> str:
    """Return "cpu" or "cuda"."""
    there = cluster.has_gpu if cluster else has_cuda()
    if cluster and asked == "cuda" and not there:
        raise UsageError("no worker of the cluster offers a GPU: start them with --resources GPU=1")
    if asked != "auto":
        return asked
    return "cuda" if there else "cpu"


def _cluster(request: Request) -> AbstractContextManager[Cluster | None]:
    """Connect to the cluster that was named, if one was. Raises UsageError."""
    if not request.cluster:
        return nullcontext()
    for option, given in (("--slots", request.slots), ("--model", request.model)):
        if given is not None:
            raise UsageError(f"{option} is for this machine: it cannot be used with --cluster")
    return connect(request.cluster)


def _take_checkpoint(path: Path | None, exercises: Sequence[Exercise]) -> Checkpoint | None:
    """Examine the checkpoint that was named. Raises UsageError."""
    if path is None:
        return None
    if not any(exercise.uses("model") for exercise in exercises):
        names = ", ".join(exercise.name for exercise in exercises)
        raise UsageError(f"--model: no test of {names} uses a real checkpoint")
    return read_checkpoint(path)


def _count_slots(
    asked: int | None, device: str, exercises: Sequence[Exercise], checkpoint: Checkpoint | None
) -> int:
    """Return how many slots are started: as many as were asked for, or cores; fewer where memory is short.

    One job at a time has the GPU: its memory cannot be divided safely, nor its time be measured otherwise.
    """
    slots = 1 if device == "cuda" else asked or core_count()
    if checkpoint is None:
        return slots
    memory = available()
    fitting = [checkpoint.slots(e.limits, memory) for e in exercises if e.uses("model")]
    return min([slots, *(count for count in fitting if count is not None)])


def _select(course: Course, names: tuple[str, ...]) -> Sequence[Submission]:
    submissions = {s.name: s for s in list_submissions(course.submissions_path)}
    for name in names:
        if name not in submissions:
            raise unknown_name("submission", name, submissions)
    return [s for s in submissions.values() if not names or s.name in names]
