"""Grade on the machines of a Dask cluster. Owner of distributed.

A worker gets the course once, as files with a digest that it checks, and grades each job in a slot: a process
of its own, with the wall below it, as here. Dask itself is no wall: its machines run whatever their scheduler
sends them, so only machines that trust each other belong to a cluster, over TLS. Students' code never runs
in a Dask process.
"""

from __future__ import annotations

import hashlib
import logging
import multiprocessing
import shutil
import tempfile
import threading
import traceback
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from msgspec import ValidationError

from grader.errors import UngradedError, UsageError
from grader.exercise import read_exercise
from grader.job import Job, JobResult, State
from grader.schedule import DIED_TWICE, SlotPlan, arrange, grade_here, lost, open_slot
from grader.store import checked, code_digest, versions
from grader.wall.launch import Tier
from grader.wall.probe import best_tier
from grader.wall.view import require_hidden

if TYPE_CHECKING:
    from distributed import Client, Future, Worker

GPU = "GPU"  # the resource that a worker is started with (`--resources GPU=1`) where it has a GPU for one job
CONNECT_SECONDS = 20.0
JOIN_SECONDS = 120.0  # for the first worker of a cluster that is being started
AHEAD = 2  # jobs handed out per thread of the cluster, so that none waits for the next


@dataclass(frozen=True, slots=True)
class CourseFiles:
    """What slots need of a course, for a machine that has none of it; `made_by` is the grader of the run."""

    exercises: tuple[str, ...]
    files: Mapping[str, bytes]
    digest: str
    made_by: str
    tier: Tier
    device: str
    preload: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Described:
    """What a worker says of itself."""

    tier: Tier
    grader: str
    gpus: float


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster that is there, with the workers it had when it was asked."""

    client: Client
    workers: Mapping[str, Described]

    @property
    def has_gpu(self) -> bool:
        """Say whether any worker offers a GPU."""
        return any(worker.gpus >= 1 for worker in self.workers.values())

    @property
    def tiers(self) -> set[Tier]:
        """The sandboxes that can be built on its workers."""
        return {worker.tier for worker in self.workers.values()}

    def run_jobs(
        self,
        jobs: Sequence[Job],
        plan: SlotPlan,
        started: Callable[[str, str], None],
        failed_once: Callable[[JobResult], None],
    ) -> Generator[JobResult, None, None]:
        """Yield results as they become known, as `schedule.run_jobs` does.

        A job whose worker dies is begun again on another one; what ends ungraded is tried once more.
        """
        from distributed import as_completed

        course = pack(plan)
        carried = self.client.submit(_carry, course, key=f"grader-course-{uuid4().hex}")
        waiting = arrange(jobs, plan)
        tried: set[tuple[str, str]] = set()
        active: dict[str, tuple[Future[Any], Job]] = {}
        completed = as_completed(loop=self.client.loop)
        try:
            while waiting or active:
                while waiting and len(active) < AHEAD * self._threads():
                    job = waiting.popleft()
                    future = self._submit(carried, job)
                    active[future.key] = (future, job)
                    completed.add(future)
                    started(job.submission, job.exercise)
                future = next(completed)
                _, job = active.pop(future.key)
                result = _outcome(future, job)
                if result.state is State.UNGRADED and (job.submission, job.exercise) not in tried:
                    tried.add((job.submission, job.exercise))
                    waiting.append(job)
                    failed_once(result)
                else:
                    yield result
        finally:
            with suppress(Exception):  # it may be the cluster that has failed
                self.client.cancel([future for future, _ in active.values()], force=True)
                self.client.run(_leave, course.digest, on_error="ignore")

    def _submit(self, carried: Future[Any], job: Job) -> Future[Any]:
        resources = {GPU: 1} if job.device == "cuda" else None
        return self.client.submit(
            _grade, carried, job, key=f"grader-{uuid4().hex}", resources=resources, pure=False
        )

    def _threads(self) -> int:
        threads: int = sum(self.client.nthreads().values())
        return max(1, threads)


@contextmanager
def connect(address: str) -> Iterator[Cluster]:
    """Connect to a cluster and ask its workers what they are. Raises UsageError, UngradedError.

    Certificates are Dask's own matter: its configuration files, or `DASK_DISTRIBUTED__COMM__TLS__...`.
    """
    require_private(address)
    try:
        from distributed import Client, Security
    except ImportError:
        raise UsageError("--cluster needs Dask: pip install 'llm-course-grader[cluster]'") from None
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # what fails is said in one line
    security = Security()
    if address.startswith("tls:") and not security.get_connection_args("client").get("ssl_context"):
        raise UsageError(
            f"--cluster {address}: Dask has no certificates; docs/scaling.md says how to set up TLS"
        )
    try:
        client = Client(address, security=security, set_as_default=False, timeout=CONNECT_SECONDS)
    except (OSError, RuntimeError) as error:
        raise UsageError(f"--cluster {address}: cannot connect ({error})") from error
    with client:
        try:
            client.wait_for_workers(1, timeout=JOIN_SECONDS)
        except TimeoutError:
            raise UsageError(f"--cluster {address}: no worker has joined it in {JOIN_SECONDS:g} s") from None
        workers = client.run(_describe)
        for name, worker in workers.items():
            if worker.grader != _grader():
                raise UsageError(
                    f"the worker {name} is not like this machine: {worker.grader}; here {_grader()}"
                )
        yield Cluster(client, workers)


def require_private(address: str) -> None:
    """Raise UsageError where hidden tests would cross a network in the clear, and anyone could send code."""
    parts = urlsplit(address)
    if not parts.hostname or not parts.port:
        raise UsageError(f"--cluster {address}: write PROTOCOL://HOST:PORT, such as tls://10.0.0.1:8786")
    with suppress(ValueError):
        if ip_address(parts.hostname).is_loopback:
            return
    if parts.scheme != "tls":
        raise UsageError(
            f"--cluster {address}: without TLS, whoever reaches that port can read hidden tests and run "
            "code; use tls:// (docs/scaling.md)"
        )


def pack(plan: SlotPlan) -> CourseFiles:
    """Read what slots need of the exercises of a plan, and of those that they build on."""
    files: dict[str, bytes] = {}
    for path in plan.exercise_paths:
        exercise = read_exercise(path)
        for part in (*exercise.ancestors, exercise):
            files |= {f"{part.name}/{name}": content for name, content in part.judging_files()}
    names = tuple(path.name for path in plan.exercise_paths)
    return CourseFiles(names, files, _digest(files), _grader(), plan.tier, plan.device, plan.preload)


def _digest(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in sorted(files.items()):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _grader() -> str:
    """Say which grader this is, and what it stands on: results of two that differ do not belong together."""
    known = " ".join(f"{name} {version}" for name, version in versions())
    return f"{known} (code {code_digest()[:12]})"


def _outcome(future: Future[Any], job: Job) -> JobResult:
    """Return what became of a job. Raises UngradedError where the run cannot go on."""
    from distributed import KilledWorker

    if future.status in ("cancelled", "lost"):
        raise UngradedError(
            "the cluster has lost the run; what was graded is kept, run the same command to go on"
        )
    error = None if future.status == "finished" else future.exception()
    if error is None:
        result: JobResult = future.result()
        answered = (result.submission, result.exercise, result.device)
        if answered != (job.submission, job.exercise, job.device):
            return lost(job, f"a worker answered with the result of {answered}")
        try:
            return checked(result)
        except ValidationError as problem:
            return lost(job, f"a worker answered with a result that cannot be: {problem}")
    if isinstance(error, KilledWorker):
        return lost(job, f"the workers that graded it died, one after another: {error}")
    if isinstance(error, UngradedError):
        raise error
    return lost(job, "".join(traceback.format_exception(error)))


# ------------------------------------------------------------------ what follows runs on the workers


class Station:
    """A worker's copy of the course, and its slots: one for each job that Dask runs here at a time."""

    def __init__(self, course: CourseFiles, folder: str) -> None:
        if course.made_by != _grader():
            raise UngradedError(
                f"a worker is not like the machine of the run: {_grader()}; there {course.made_by}"
            )
        self._root = Path(tempfile.mkdtemp(prefix="grader-course-", dir=folder))
        require_hidden(self._root, course.device)
        for name, content in course.files.items():
            path = self._root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        here = {name: (self._root / name).read_bytes() for name in course.files}
        if _digest(here) != course.digest:
            raise UngradedError(f"the course did not arrive whole in {self._root}")
        paths = tuple(self._root / name for name in course.exercises)
        self._plan = SlotPlan(course.tier, course.device, paths, course.preload)
        self._idle: SimpleQueue[Executor] = SimpleQueue()

    def grade(self, job: Job) -> JobResult:
        """Grade a job in a slot of this machine; if the slot dies, once more in another one."""
        for _ in range(2):
            try:
                slot = self._idle.get_nowait()
            except Empty:
                slot = open_slot(self._plan)
            try:
                result = slot.submit(grade_here, job).result()
            except BrokenProcessPool:
                slot.shutdown(wait=False)
            else:
                self._idle.put(slot)
                return result
        return lost(job, DIED_TWICE)

    def close(self) -> None:
        """End the slots and remove the files."""
        with suppress(Empty):
            while True:
                self._idle.get_nowait().shutdown(wait=False, cancel_futures=True)
        shutil.rmtree(self._root, ignore_errors=True)


_stations: dict[str, Station] = {}
_lock = threading.Lock()


def _carry(course: CourseFiles) -> CourseFiles:
    """Be the task whose result is the course: Dask brings it to every worker, also to one that joins late."""
    return course


def _describe(dask_worker: Worker) -> Described:
    return Described(best_tier().tier, _grader(), dask_worker.state.total_resources.get(GPU, 0))


def _grade(course: CourseFiles, job: Job) -> JobResult:
    from distributed import get_worker

    with _lock:
        if course.digest not in _stations:
            # A worker below a nanny counts as a daemon, which may have no processes: but it must have slots.
            multiprocessing.current_process().daemon = False
            _stations[course.digest] = Station(course, get_worker().local_directory)
    return _stations[course.digest].grade(job)


def _leave(digest: str) -> None:
    with _lock:
        if station := _stations.pop(digest, None):
            station.close()
