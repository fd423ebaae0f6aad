"""Run many jobs on slots: processes of their own, each with one job at a time.

A job whose slot dies is tried once more in the end, with nothing else running, so that no other can be at
fault. A job that ends ungraded is tried once more, after all others.
"""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import TYPE_CHECKING

from grader.checkpoint import Checkpoint
from grader.errors import UngradedError
from grader.exercise import Exercise, read_exercise
from grader.job import Job, JobResult, State
from grader.wall.launch import Tier, die_with_parent

if TYPE_CHECKING:
    from grader.slot import Slot

MOST_REFUSALS = 10  # pools in a row that could not be started
GRACE = 600.0  # seconds a job may take beyond its own wall limit before its slot counts as hung
DIED_TWICE = "the process grading this job died, twice, the second time with nothing else running"
PRELOAD = ("torch", "pytest", "grader.slot")


@dataclass(frozen=True, slots=True)
class SlotPlan:
    """How to set up a slot: plain data, sent to the process that becomes one."""

    tier: Tier
    device: str
    exercise_paths: tuple[Path, ...]
    preload: tuple[str, ...]
    checkpoint: Checkpoint | None = None
    walls: Mapping[str, float] = field(default_factory=dict)  # seconds a submission may take, by exercise


def plan_slots(
    exercises: Iterable[Exercise], tier: Tier, device: str, checkpoint: Checkpoint | None = None
) -> SlotPlan:
    """Plan slots that can grade any of these exercises."""
    exercises = tuple(exercises)
    preload = dict.fromkeys(module for exercise in exercises for module in exercise.preload)
    walls = {exercise.name: exercise.limits.wall for exercise in exercises}
    return SlotPlan(tier, device, tuple(e.path for e in exercises), tuple(preload), checkpoint, walls)


def arrange(jobs: Iterable[Job], plan: SlotPlan) -> deque[Job]:
    """Put the longest first, so that no core waits for another at the end; else keep the order."""
    return deque(sorted(jobs, key=lambda job: -plan.walls.get(job.exercise, 0.0)))


class Waiting:
    """Jobs to be handed out: the longest first, and to each slot those of the exercise that it is at.

    What a slot has worked out for one submission serves the next one to the same exercise.
    """

    def __init__(self, jobs: Iterable[Job], plan: SlotPlan) -> None:
        self._plan = plan
        self._jobs: dict[str, deque[Job]] = {}
        for job in arrange(jobs, plan):
            self._jobs.setdefault(job.exercise, deque()).append(job)

    def __len__(self) -> int:
        return sum(map(len, self._jobs.values()))

    def take(self, last: str, elsewhere: Collection[str]) -> Job:
        """Take a job for a slot that was at `last`, the exercises of the other slots being `elsewhere`."""
        left = {name: jobs for name, jobs in self._jobs.items() if jobs}
        longest = max(self._plan.walls.get(name, 0.0) for name in left)
        equal = [name for name in left if self._plan.walls.get(name, 0.0) == longest]
        alone = [name for name in equal if name not in elsewhere]
        name = last if last in equal else alone[0] if alone else max(equal, key=lambda n: len(left[n]))
        return left[name].popleft()

    def put_back(self, job: Job) -> None:
        """Hand out a job once more, before others."""
        self._jobs.setdefault(job.exercise, deque()).appendleft(job)


def run_jobs(
    jobs: Sequence[Job],
    plan: SlotPlan,
    slots: int,
    started: Callable[[str, str], None] = lambda who, what: None,
    failed_once: Callable[[JobResult], None] = lambda result: None,
) -> Generator[JobResult, None, None]:
    """Yield the result of each job as it becomes known. A job the grader cannot do is UNGRADED.

    What failed the first time, and is tried again, is told to `failed_once`.
    """
    suspects: list[Job] = []
    second: list[Job] = []
    for job, result in _work_off(jobs, plan, slots, started, suspects):
        if result.state is State.UNGRADED:
            second.append(job)
            failed_once(result)
        else:
            yield result
    for _, result in _work_off(second, plan, slots, started, suspects):
        yield result
    for job in suspects:
        failed_once(lost(job, "the process grading this job died"))
        for _, last in _run([job], plan, 1, started):
            yield last or lost(job, DIED_TWICE)


def _work_off(
    jobs: Sequence[Job],
    plan: SlotPlan,
    slots: int,
    started: Callable[[str, str], None],
    suspects: list[Job],
) -> Iterator[tuple[Job, JobResult]]:
    """Work off the jobs; those whose slot died are suspects."""
    for job, result in _run(jobs, plan, slots, started):
        if result is None:
            suspects.append(job)
        else:
            yield job, result


def _run(
    jobs: Sequence[Job], plan: SlotPlan, slots: int, started: Callable[[str, str], None]
) -> Iterator[tuple[Job, JobResult | None]]:
    """Yield each job with its result, or with None where its slot died; another takes that one's place.

    Raises UngradedError where no slot can be started, as in the instant after the fork server's death.
    """
    waiting, refused = Waiting(jobs, plan), 0
    count = min(slots, len(waiting))
    seats = [_Seat(plan, number if count > 1 else None) for number in range(count)]
    finished: list[tuple[Job, JobResult | None]] = []
    with _ending(seats):
        while waiting or finished or any(seat.future for seat in seats):
            for seat in seats:
                if not waiting or seat.future:
                    continue
                job = waiting.take(seat.exercise, [s.exercise for s in seats if s.future])
                if seat.begin(job):
                    refused = 0
                    started(job.submission, job.exercise)
                    continue
                waiting.put_back(job)
                refused += 1
                if refused > MOST_REFUSALS:
                    raise UngradedError("no process can be started to grade jobs in; is there memory left?")
                time.sleep(0.1 * refused)
            yield from finished  # now that no slot waits for whoever stores them
            wait([seat.future for seat in seats if seat.future], return_when=FIRST_COMPLETED)
            finished = [seat.end() for seat in seats if seat.future and seat.future.done()]


class _Seat:
    """One slot, seen from here: a process of its own, kept from job to job, and replaced after its death."""

    def __init__(self, plan: SlotPlan, core: int | None) -> None:
        self._plan, self._core = plan, core
        self._pool: Executor | None = None
        self._job: Job | None = None
        self.future: Future[JobResult] | None = None

    @property
    def exercise(self) -> str:
        """The exercise of its last job."""
        return self._job.exercise if self._job else ""

    def begin(self, job: Job) -> bool:
        """Give it a job; say whether it could be given."""
        for _ in range(2):  # a slot may have died since its last job
            self._pool = self._pool or open_slot(self._plan, self._core)
            try:
                self.future = self._pool.submit(grade_here, job)
            except (BrokenProcessPool, ConnectionError, EOFError):
                self.close()
            else:
                self._job = job
                return True
        return False

    def end(self) -> tuple[Job, JobResult | None]:
        """Return the job that has ended, with its result, or None where the slot died."""
        assert self.future
        assert self._job
        future, self.future = self.future, None
        if isinstance(future.exception(), BrokenProcessPool):
            self.close()
            return self._job, None
        return self._job, future.result()

    def close(self, *, wait: bool = True) -> None:
        """End it."""
        if self._pool is not None:
            self._pool.shutdown(wait=wait, cancel_futures=True)
            self._pool = None


@contextmanager
def _ending(seats: Sequence[_Seat]) -> Iterator[None]:
    """Wait for the slots in the end, but not where a run is interrupted: the next one does their jobs."""
    try:
        yield
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough: the run is ending
        for slot in active_children():
            slot.kill()
        for seat in seats:
            seat.close(wait=False)
        raise
    with ThreadPoolExecutor(max(1, len(seats))) as at_once:
        list(at_once.map(_Seat.close, seats))


def open_slot(plan: SlotPlan, core: int | None = None) -> Executor:
    """Make a pool of one process, forked from one that has everything heavy imported: a slot.

    With `core`, a number, it keeps to that core of this machine.
    """
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # one core per slot; also keeps the forking process single-threaded
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # no pool, should an exercise preload it
    context = get_context("forkserver")
    context.set_forkserver_preload([*PRELOAD, *plan.preload])
    return ProcessPoolExecutor(
        1, mp_context=context, initializer=_start_slot, initargs=(plan, os.getpid(), core)
    )


_slot: Slot | None = None  # this process's slot; set once, when the process becomes one


def _start_slot(plan: SlotPlan, coordinator: int, core: int | None) -> None:
    global _slot  # noqa: PLW0603  # an executor's initializer has no other way to hand on state
    from grader.slot import Slot

    die_with_parent()
    _end_with(coordinator)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process: the pool ends idle slots
    if core is not None:
        _keep_to(core)
    exercises = {path.name: read_exercise(path) for path in plan.exercise_paths}
    _slot = Slot(plan.tier, plan.preload, plan.device, exercises, plan.checkpoint)


def _end_with(coordinator: int) -> None:
    """End this process, and with it the job it is at, when the run that asked for it is gone.

    The fork server does not see to it: it lives as long as any of its slots does.
    """
    if not hasattr(os, "pidfd_open"):  # not Linux
        return
    gone = select.poll()
    try:
        gone.register(os.pidfd_open(coordinator), select.POLLIN)
    except ProcessLookupError:
        os._exit(1)

    def watch() -> None:
        gone.poll()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _keep_to(core: int) -> None:
    """Keep this slot, and with it every job it runs, on one core.

    A job may start dozens of busy processes. So they take time from no other student's job, whose
    calls would otherwise not be answered in time. The wall keeps them from moving.
    """
    if not hasattr(os, "sched_setaffinity"):  # not Linux
        return
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})


def grade_here(job: Job) -> JobResult:
    """Grade a job in this process, which has become a slot."""
    assert _slot is not None
    faulthandler.dump_traceback_later(_slot.longest(job) + GRACE, exit=True)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # and nobody waits for the end of a job
    try:
        return _slot.grade(job)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        faulthandler.cancel_dump_traceback_later()


def lost(job: Job, fault: str) -> JobResult:
    """Make the result of a job that the grader could not do."""
    return JobResult(job.exercise, job.submission, job.device, State.UNGRADED, fault=fault)
