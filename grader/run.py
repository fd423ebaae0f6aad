"""One run of the grader: what to grade, what is known already, what is left; and the gradebook at the end."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Protocol

from grader.bundle import FORMAT, About, Mark, Shard, bundle_bytes, judge_digest
from grader.checkpoint import Checkpoint, read_checkpoint
from grader.course import Course
from grader.doctor import core_count, has_cuda
from grader.errors import UsageError, WallError, unknown_name
from grader.exercise import Exercise
from grader.faults import FaultLog
from grader.feedback import Feedback, measure
from grader.git import enrolled, read_record
from grader.job import Job, JobResult, Score, State, Status, score_job
from grader.refusal import without_running
from grader.reports.view import Gradebook, combine, make_row
from grader.reports.write import write_file
from grader.schedule import plan_slots, run_jobs
from grader.store import Store, Stored, job_key, versions
from grader.submission import Submission, commit, list_submissions, snapshot
from grader.verify import Verification, verify
from grader.wall.launch import Tier
from grader.wall.memory import available
from grader.wall.probe import best_tier
from grader.wall.view import require_hidden

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


@dataclass(frozen=True, slots=True)
class Plan:
    """The jobs of a run, split into what is known and what has to be run. Keys are the store's."""

    known: tuple[tuple[str, JobResult], ...]
    settled: tuple[tuple[str, JobResult], ...]  # decided without running anything
    jobs: dict[str, Job]
    marks: dict[str, Mark]


def grade(
    request: Request, watch: Callable[[int, int], AbstractContextManager[Progress]], log: FaultLog
) -> Gradebook:
    """Grade what the request names and return the gradebook of it; every result is kept as it comes.

    `watch(jobs, known)` opens the display of the progress; `log` takes in what failed on our side.
    """

    def failed(result: JobResult, then: str) -> None:
        log.add(f"{result.submission} {result.exercise}: {then}", result.fault)

    course = request.course
    exercises = course.exercises(request.exercises)
    everybody = _select(course, request.names)
    part = request.shard.members(s.name for s in everybody)
    submissions = [s for s in everybody if s.name in part]
    device = choose_device(request.device)
    tier = choose_tier(course, device, no_sandbox=request.no_sandbox, least=request.wall)
    checkpoint = _take_checkpoint(request.model, exercises)
    slots = _count_slots(request.slots, device, exercises, checkpoint)
    specs = {exercise.name: exercise.tests for exercise in exercises}
    pulled = {name: pull.commit for name, pull in read_record(course).items()}
    commits = {s.name: commit(s.path) or pulled.get(s.name, "") for s in submissions}
    with Store(course.store_path) as store:
        plan = _plan(request, submissions, exercises, store, tier, device, checkpoint)
        newest = {(s.key, s.commit) for s in store.latest()}
        for key, result in (*plan.known, *plan.settled):
            commit_now = commits[result.submission]
            if (key, commit_now) not in newest:  # what was graded before, in another commit
                store.put(key, plan.marks[key].on(result), commit_now)
        keys = {(job.submission, job.exercise): key for key, job in plan.jobs.items()}
        with watch(len(plan.jobs), len(plan.known)) as progress:
            setup = plan_slots(exercises, tier, device, checkpoint)
            again = partial(failed, then="tried again")
            for result in run_jobs(list(plan.jobs.values()), setup, slots, progress.started, again):
                if result.fault:
                    failed(result, "ungraded")
                key = keys[result.submission, result.exercise]
                store.put(key, plan.marks[key].on(result), commits[result.submission])
                progress.finished(result, score_job(specs[result.exercise], result))
        if request.out is not None:
            names = tuple(s.name for s in everybody)
            write_file(request.out, _bundle(request, device, exercises, names, plan, store))
    if not submissions:  # of a part without students, or a course without any
        return Gradebook((), course.title, _now(), versions(), tuple(specs))
    return stored(course, tuple(s.name for s in submissions), request.exercises)


def _bundle(
    request: Request,
    device: str,
    exercises: Sequence[Exercise],
    names: tuple[str, ...],
    plan: Plan,
    store: Store,
) -> bytes:
    """Return what this run undertook and what came of it, for `grader merge`."""
    done = [(r.submission, r.exercise) for _, r in (*plan.known, *plan.settled)]
    jobs = sorted([*done, *((job.submission, job.exercise) for job in plan.jobs.values())])
    about = About(
        FORMAT,
        kept=False,
        device=device,
        shard=(request.shard.number, request.shard.count),
        versions=versions(),
        judged_by={exercise.name: judge_digest(exercise) for exercise in exercises},
        submissions=names,
        jobs=tuple(jobs),
    )
    wanted = {(*job, device) for job in jobs}
    results = [
        s for s in store.latest() if (s.result.submission, s.result.exercise, s.result.device) in wanted
    ]
    return bundle_bytes(about, results)


def stored(course: Course, names: tuple[str, ...] = (), exercises: tuple[str, ...] = ()) -> Gradebook:
    """Make the gradebook of what is stored, scored by the points that exercise.yaml states now."""
    known = {exercise.name: exercise for exercise in course.exercises(exercises)}
    everybody = enrolled(course)
    for name in names:
        if name not in everybody:
            raise unknown_name("submission", name, everybody)
    wanted = set(names or everybody)
    with Store(course.store_path) as store:
        latest = [s for s in store.latest() if s.result.exercise in known and s.result.submission in wanted]
    rows = []
    for (submission, name), group in groupby(latest, lambda s: (s.result.submission, s.result.exercise)):
        found = _of_the_newest(tuple(group))
        exercise = known[name]
        result = combine([s.result for s in found])
        last = max(found, key=lambda s: s.stored)
        rows.append(make_row(result, exercise.tests, exercise.title, last.commit, last.stored))
        assert rows[-1].submission == submission
    return Gradebook(tuple(rows), course.title, _now(), versions(), tuple(known))


def _of_the_newest(found: tuple[Stored, ...]) -> tuple[Stored, ...]:
    """Return the results that can be put together: of the same files and tests as the newest one."""
    newest = max(found, key=lambda s: s.stored).result
    made_of = (newest.snapshot, newest.judged_by)
    return tuple(s for s in found if (s.result.snapshot, s.result.judged_by) == made_of)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


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
    return measure(
        course.exercises(names),
        tier=choose_tier(course, choose_device(device), no_sandbox=no_sandbox),
        device=choose_device(device),
        slots=slots or core_count(),
        full=full,
        seed=secrets.randbelow(2**31) if seed is None else seed,
        progress=progress,
    )


def choose_tier(course: Course, device: str, *, no_sandbox: bool, least: str = "auto") -> Tier:
    """Return the sandbox to use. Raises WallError where it holds less than the course, or `least`, asks."""
    if no_sandbox:
        return "none"
    require_hidden(course.root, device)
    tier = best_tier().tier
    least = max("C", *(wall for wall in (course.wall, least) if wall != "auto"), key=STRENGTH.index)
    if STRENGTH.index(tier) < STRENGTH.index(least):
        here = f"only tier {tier} works here" if tier != "none" else "no sandbox can be built here"
        raise WallError(f"sandbox tier {least} or better is required, but {here}; `grader doctor` says why")
    return tier


def choose_device(asked: str) -> str:
    """Return "cpu" or "cuda"."""
    if asked != "auto":
        return asked
    return "cuda" if has_cuda() else "cpu"


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


def _is_final(exercise: Exercise, result: JobResult, device: str, checkpoint: Checkpoint | None) -> bool:
    """Say whether grading again could not do more: a compiler may be here by now, the machine be quieter."""

    def never_here(name: str) -> bool:
        spec = exercise.test(name)
        absent = (spec.devices and device not in spec.devices) or (
            checkpoint is None and "model" in spec.needs
        )
        return bool(absent) or any(map(never_here, spec.requires))

    return all(never_here(t.name) for t in result.tests if t.status is Status.UNGRADABLE)


def _select(course: Course, names: tuple[str, ...]) -> Sequence[Submission]:
    submissions = {s.name: s for s in list_submissions(course.submissions_path)}
    for name in names:
        if name not in submissions:
            raise unknown_name("submission", name, submissions)
    return [s for s in submissions.values() if not names or s.name in names]


def _plan(
    request: Request,
    submissions: Sequence[Submission],
    exercises: Sequence[Exercise],
    store: Store,
    tier: Tier,
    device: str,
    checkpoint: Checkpoint | None,
) -> Plan:
    seed = request.seed if request.seed is not None else secrets.randbelow(2**62)
    options = {} if request.seed is None else {"seed": str(request.seed)}
    known, settled, jobs, marks = [], [], {}, {}
    gaps = _gaps(store, device)
    for submission in submissions:
        for exercise in exercises:
            on_model = {"model": checkpoint.digest} if checkpoint and exercise.uses("model") else {}
            taken = snapshot(submission.path, (*(a.name for a in exercise.ancestors), exercise.name))
            key = job_key(
                exercise=exercise.digest(),
                ancestors=[a.digest() for a in exercise.ancestors],
                snapshot=f"{submission.name}/{taken.digest}",
                device=device,
                wall=tier,
                options={**options, **on_model},
            )
            marks[key] = mark = Mark.of(exercise, taken)
            if request.fill and (submission.name, exercise.name, mark.judged_by, mark.snapshot) not in gaps:
                continue
            result = None if request.fresh else store.get(key)
            if result is not None and not _is_final(exercise, result, device, checkpoint):
                result = None
            decided = without_running(submission.name, exercise, taken.files, taken.hazards, device)
            if result is not None:
                known.append((key, result))
            elif decided is not None:
                settled.append((key, decided))
            else:
                jobs[key] = Job(exercise.name, submission.name, device, taken.files, seed)
    return Plan(tuple(known), tuple(settled), jobs, marks)


def _gaps(store: Store, device: str) -> frozenset[tuple[str, str, str, str]]:
    """Return the jobs, with what they were made of, that other devices left points open in."""
    return frozenset(
        (s.result.submission, s.result.exercise, s.result.judged_by, s.result.snapshot)
        for s in store.latest()
        if s.result.device != device and any(t.status is Status.UNGRADABLE for t in s.result.tests)
    )
