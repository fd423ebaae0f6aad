"""A solution to be judged: its files, and the confined worker they currently run in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import Self, TypeVar, cast

from grader.checks import WrongAnswer
from grader.errors import UngradedError
from grader.exercise import Exercise
from grader.inspection import Inspection, inspection_spec, read_inspection
from grader.job import NO_TEXT, Limits, Reason, Text
from grader.remote import RemoteModule, Session, StudentError, Violation
from grader.remote.patience import Patience
from grader.remote.session import Record
from grader.verdict import RESOURCES, Verdict, traceback_of, verdict_of
from grader.wall.choice import AnyWall
from grader.wall.worker import Killed, Worker

DOES_NOT_LOAD = Text(
    "your solution cannot be loaded (see the notice above)", "你的代码无法加载（见上方提示）"
)
T = TypeVar("T")
LEAST_SECONDS = 0.5  # of the job's budget that a new worker must have left


class NotLoaded(Exception):  # noqa: N818  # a verdict, not a fault
    """The solution could not be loaded, so no test of it can run; `verdict` is every test's."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.message.en)
        self.verdict = verdict


class Candidate:
    """One solution. A worker is opened when it is needed and replaced after it was killed.

    The exercise's CPU and wall-clock limits are for the whole job, however many workers it takes (but see
    `become`).
    `ours` says that this is the reference, so that a failure in the judge's code is no answer's fault;
    without `policy`, for a library of ours, nothing is banned.
    A context manager: on exit nothing of it is alive.
    """

    def __init__(
        self,
        wall: AnyWall,
        exercise: Exercise,
        files: Mapping[str, bytes],
        device: str,
        *,
        ours: bool = False,
        policy: bool = True,
        patience: Patience | None = None,
    ) -> None:
        self.ours = ours
        self.policy = policy
        self.notice = NO_TEXT
        self.patience = patience or Patience(exercise.limits.call)
        self._wall = wall
        self._exercise = exercise
        self._files = files
        self._device = device
        self._worker: Worker | None = None
        self._session: Session | None = None
        self._loaded = self._used = False  # used: some solution has been loaded into this worker
        self._cpu_left = exercise.limits.cpu
        self._wall_left = exercise.limits.wall
        self._refused: NotLoaded | None = None
        self._once: dict[Callable[..., object], object] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def module(self, *, fresh: bool, record: Record | None = None) -> RemoteModule:
        """Return the solution, loaded. Raises NotLoaded where it cannot be, Killed where time is up."""
        if self._refused is not None:
            raise self._refused
        if fresh and self._used:
            self._stop()
        session = self._session if self._session is not None and self._loaded else self._load()
        return RemoteModule(session, record)

    def become(self, files: Mapping[str, bytes], *, ours: bool, fresh: bool = False) -> bool:
        """Be another solution of the course's, with limits of its own; say whether in a used worker.

        It is the worker of the last one, unless that has done half of what it may, or `fresh` is asked for.
        Also what it is already is loaded anew: some mistakes consist in what is kept between calls.
        """
        if files is not self._files:
            self._once = {}
            self.__dict__.pop("_inspection", None)
        self._files, self.ours = files, ours
        self._refused, self._loaded = None, False
        limits, worker = self._exercise.limits, self._worker
        self.patience = Patience(limits.call)
        self._cpu_left, self._wall_left = limits.cpu, limits.wall
        if worker is None:
            return False
        cpu, waited = worker.cpu_seconds(), worker.waited
        if fresh or cpu > limits.cpu / 2 or waited > limits.wall / 2:
            self._stop()
            self._cpu_left, self._wall_left = limits.cpu, limits.wall
            return False
        worker.take_output()
        self._cpu_left += cpu
        self._wall_left += waited
        return self._used

    def once(self, make: Callable[..., T], *args: object) -> T:
        """Return what `make` returned for this solution; call it with `args` if it has not returned yet."""
        if make not in self._once:
            self._once[make] = make(*args)
        return cast("T", self._once[make])

    @property
    def left(self) -> Limits:
        """Its limits, with what is left of its time."""
        worker = self._worker
        cpu, waited = (worker.cpu_seconds(), worker.waited) if worker else (0.0, 0.0)
        return replace(self._exercise.limits, cpu=self._cpu_left - cpu, wall=self._wall_left - waited)

    def settle(self, error: BaseException) -> None:
        """Bring the candidate back into a known state after a test that ended with `error`."""
        if self._session is None:
            return
        if isinstance(error, Killed) or (isinstance(error, StudentError) and error.kind in RESOURCES):
            self._stop()
            return
        try:
            self._session.settle()
        except (Killed, StudentError, Violation, WrongAnswer, UngradedError):
            self._stop()

    def take_output(self) -> str:
        """Return what the solution printed since this was last asked."""
        return self._worker.take_output() if self._worker is not None else ""

    @property
    def cpu_seconds(self) -> float:
        """The CPU time that everything in its present worker's job has used so far."""
        return self._worker.cpu_seconds() if self._worker is not None else 0.0

    def inspect(self) -> Inspection:
        """Return the static findings, made by a worker that has not run any of these files yet.

        Raises NotLoaded where even reading them breaks a limit.
        """
        if self._refused is not None and "_inspection" not in self.__dict__:
            raise self._refused
        return self._inspection

    @cached_property
    def _inspection(self) -> Inspection:
        spec = inspection_spec(self._exercise)
        try:
            report = self._open().inspect(self._files, spec)  # before any of the files has run in it
        except (Killed, StudentError) as error:
            raise self._refuse(error) from None
        return read_inspection(report)

    def _open(self) -> Session:
        """Open a worker in which nothing of the student's has run."""
        self._stop()
        if min(self._cpu_left, self._wall_left) < LEAST_SECONDS:
            reason = Reason.CPU if self._cpu_left < self._wall_left else Reason.WALL
            raise Killed(reason, "the time of the whole job is used up")
        limits = self.left
        self._worker = self._wall.open(limits)
        self._session = Session(self._worker, limits, patience=self.patience)
        return self._session

    def _load(self) -> Session:
        """Load the files into a worker that has run none of them, or only what it runs for any of ours."""
        session = self._session or self._open()
        self._used = True
        try:
            session.load(
                self._files,
                module=self._exercise.module,
                interface=self._exercise.interface,
                opened=self._opened() if self.policy else None,
                names=self._names(),
                poison=self._exercise.policy.poison if self.policy else (),
                banned=self._exercise.policy.banned if self.policy else (),
                device=self._device,
            )
        except (StudentError, Violation, Killed) as error:
            raise self._refuse(error) from None
        self._loaded = True
        return session

    def _opened(self) -> list[str]:
        """Return the modules that this exercise and those upstream open to a solution."""
        policies = [e.policy for e in (*self._exercise.ancestors, self._exercise)]
        return sorted({m for policy in policies for m in (*policy.imports, *(policy.names or ()))})

    def _names(self) -> dict[str, list[str]]:
        """Return what alone is open of some modules, here and upstream."""
        policies = [e.policy.names or {} for e in (*self._exercise.ancestors, self._exercise)]
        modules = sorted({module for names in policies for module in names})
        return {m: sorted({name for names in policies for name in names.get(m, ())}) for m in modules}

    def _refuse(self, error: Exception) -> NotLoaded:
        """Remember that nothing of this solution can run, and why."""
        self._stop()
        verdict = verdict_of(error, self._exercise.limits, public=True)
        self.notice = self._explain(error, verdict)
        self._refused = NotLoaded(replace(verdict, message=DOES_NOT_LOAD))
        return self._refused

    @staticmethod
    def _explain(error: Exception, verdict: Verdict) -> Text:
        if isinstance(error, StudentError):
            trace = traceback_of(error)
            return Text(f"The solution does not import:\n{trace}", f"代码无法导入：\n{trace}")
        return Text(
            f"The solution does not import: {verdict.message.en}", f"代码无法导入：{verdict.message.zh}"
        )

    def _stop(self) -> None:
        if self._worker is not None:
            self._worker.kill()
            self._cpu_left -= self._worker.cpu_seconds()
            self._wall_left -= self._worker.waited
        self._worker = self._session = None
        self._loaded = self._used = False
