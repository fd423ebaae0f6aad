"""Run many jobs on slots: an Executor of processes, one job in flight per slot.

A slot that dies takes the pool with it; the jobs it was running are then tried once more, each
alone in a pool of its own, so that the one at fault is known and the others lose nothing. A job that
ends ungraded is tried once more, after all others.
"""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
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
    from multiprocessing.sharedctypes import Synchronized

    from grader.slot import Slot

MOST_REFUSALS = 10  # pools in a row that could not be started
GRACE = 300.0  # seconds a job may take beyond its own wall limit before its slot counts as hung
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
    second: deque[Job] = deque()
    for job, result in _work_off(arrange(jobs, plan), plan, slots, started, suspects):
        if result.state is State.UNGRADED:
            second.append(job)
            failed_once(result)
        else:
            yield result
    for _, result in _work_off(second, plan, slots, started, suspects):
        yield result
    for job in suspects:
        failed_once(lost(job, "the process grading this job died, or one beside it"))
        for _, last in _run_pools(deque([job]), plan, 1, started):
            yield last or lost(job, DIED_TWICE)


def _work_off(
    waiting: deque[Job],
    plan: SlotPlan,
    slots: int,
    started: Callable[[str, str], None],
    suspects: list[Job],
) -> Iterator[tuple[Job, JobResult]]:
    """Work off `waiting`; jobs whose slot may have died of them are suspects."""
    for job, result in _run_pools(waiting, plan, slots, started):
        if result is None:
            suspects.append(job)
        else:
            yield job, result


def _run_pools(
    waiting: deque[Job], plan: SlotPlan, slots: int, started: Callable[[str, str], None]
) -> Iterator[tuple[Job, JobResult | None]]:
    """Work off `waiting` in as many pools as it takes. Raises UngradedError where none can be started."""
    refused = 0
    while waiting:
        left = len(waiting)
        yield from _run_pool(waiting, plan, min(slots, left), started)
        refused = refused + 1 if len(waiting) == left else 0
        if refused:
            if refused > MOST_REFUSALS:
                raise UngradedError("no process can be started to grade jobs in; is there memory left?")
            time.sleep(0.1 * refused)


def _run_pool(
    waiting: deque[Job], plan: SlotPlan, slots: int, started: Callable[[str, str], None]
) -> Iterator[tuple[Job, JobResult | None]]:
    """Work off `waiting` in one pool; after a slot's death yield its jobs with None and stop.

    It stops, too, where the fork server has just died, and starts no slot: the next pool starts another.
    """
    with _ending(open_pool(plan, slots)) as pool:
        active: dict[Future[JobResult], Job] = {}
        finished: list[tuple[Job, JobResult | None]] = []
        while waiting or active or finished:
            while waiting and len(active) < slots:
                job = waiting.popleft()
                try:
                    active[pool.submit(grade_here, job)] = job
                except BrokenProcessPool:
                    yield job, None
                except (ConnectionError, EOFError):
                    waiting.appendleft(job)
                    break
                else:
                    started(job.submission, job.exercise)
            yield from finished  # now that no slot waits for whoever stores them
            finished = []
            if not active:
                return
            done, _ = wait(active, return_when=FIRST_COMPLETED)
            broken = any(isinstance(future.exception(), BrokenProcessPool) for future in done)
            for future in list(active) if broken else done:
                error = future.exception()
                outcome = None if isinstance(error, BrokenProcessPool) else future.result()
                finished.append((active.pop(future), outcome))
            if broken:
                yield from finished
                return


@contextmanager
def _ending(pool: Executor) -> Iterator[Executor]:
    """Wait for the slots in the end, but not where a run is interrupted: the next one does their jobs."""
    try:
        yield pool
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # once is enough: the run is ending
        for slot in active_children():
            slot.kill()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()


def open_pool(plan: SlotPlan, slots: int) -> Executor:
    """Make a pool whose processes are forked from one that has everything heavy imported."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")  # one core per slot; also keeps the forking process single-threaded
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # no pool, should an exercise preload it
    context = get_context("forkserver")
    context.set_forkserver_preload([*PRELOAD, *plan.preload])
    turn = context.Value("i", 0) if slots > 1 else None
    return ProcessPoolExecutor(
        slots, mp_context=context, initializer=_start_slot, initargs=(plan, os.getpid(), turn)
    )


_slot: Slot | None = None  # this process's slot; set once, when the process becomes one


def _start_slot(plan: SlotPlan, coordinator: int, turn: Synchronized[int] | None) -> None:
    global _slot  # noqa: PLW0603  # an executor's initializer has no other way to hand on state
    from grader.slot import Slot

    die_with_parent()
    _end_with(coordinator)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process: the pool ends idle slots
    if turn is not None:
        _take_core(turn)
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


def _take_core(turn: Synchronized[int]) -> None:
    """Keep this slot, and with it every job it runs, on one core; the next slot takes the next core.

    A job may start dozens of busy processes. So they take time from no other student's job, whose
    calls would otherwise not be answered in time. The wall keeps them from moving.
    """
    if not hasattr(os, "sched_setaffinity"):  # not Linux
        return
    with turn.get_lock():
        number, turn.value = turn.value, turn.value + 1
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[number % len(cores)]})


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
