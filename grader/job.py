"""Plain data of grading, and the score arithmetic. Imports nothing of ours.

A *job* is (exercise, submission, device). Its result says how each test ended; points stand in
`TestSpec` only, so that changing points re-scores stored results without running anything.

What is stored or comes from elsewhere is read by these types, and a value outside its range is refused there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, NamedTuple, TypeVar

from msgspec import Meta

# What a test counts that passes only once the student's earlier exercises are replaced by the published kit.
KIT_SHARE = 0.8

Share = Annotated[float, Meta(ge=0, le=1)]
Seconds = Annotated[float, Meta(ge=0, le=1e8)]
Name = Annotated[str, Meta(max_length=255)]
Digest = Annotated[str, Meta(max_length=128)]
Shown = Annotated[str, Meta(max_length=1 << 20)]
Path = Annotated[str, Meta(max_length=4096)]
Count = Annotated[int, Meta(ge=0, le=1 << 40)]


class Status(StrEnum):
    """How a test ended."""

    PASSED = "passed"
    FAILED = "failed"  # wrong answer
    ERROR = "error"  # the student's code raised
    KILLED = "killed"  # the worker was stopped; see Reason
    VIOLATION = "violation"  # against the rules of the course
    SKIPPED = "skipped"  # a prerequisite test did not pass
    UNGRADABLE = "ungradable"  # needs a device that is not here; leaves the maximum


class Reason(StrEnum):
    """Why a worker was killed."""

    CPU = "cpu"
    WALL = "wall"
    MEMORY = "memory"
    PROCESSES = "processes"
    FILES = "files"
    SCRATCH = "scratch"
    OUTPUT = "output"
    SIGNAL = "signal"
    EXIT = "exit"  # the code ended its own process
    PROTOCOL = "protocol"


class State(StrEnum):
    """How a whole job ended."""

    GRADED = "graded"
    MISSING = "missing"  # the submission has no folder for this exercise
    UNGRADED = "ungraded"  # our fault: never a zero, never cached


@dataclass(frozen=True, slots=True)
class Text:
    """A student-facing sentence in both languages of the course."""

    en: Shown
    zh: Shown

    def __bool__(self) -> bool:
        return bool(self.en)


NO_TEXT = Text("", "")


@dataclass(frozen=True, slots=True)
class Place:
    """A line that exists in one of the student's own files, by its path in the student's repository."""

    file: Path
    line: Annotated[int, Meta(ge=1, le=1 << 40)]


@dataclass(frozen=True, slots=True)
class TestSpec:
    """One row of an exercise's `tests:` table.

    `requires` names tests that must pass first; `devices` where the test can run (empty: anywhere);
    `public` tests show everything to the student, hidden ones only what helps without telling;
    `fresh` asks for a new worker; `needs` names what else must be here, such as a real checkpoint.
    """

    __test__ = False  # not a pytest class

    name: str
    points: float
    title: Text
    bonus: bool = False
    requires: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    public: bool = False
    fresh: bool = False
    hint: Text = NO_TEXT
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Ending:
    """How one test ended for one submission, as far as points depend on it.

    `fraction` is the earned share of the points (0 unless passed, or where the test grants parts); `kit` is
    the share earned on the published kit of the earlier exercises, where the test lost points on the
    student's own.
    """

    name: Name
    status: Status
    fraction: Share = 0.0
    kit: Share | None = None

    @property
    def counted(self) -> float:
        """The share of the points that counts: the student's own, or most of what the kit made of it."""
        return max(self.fraction, KIT_SHARE * (self.kit or 0.0))


@dataclass(frozen=True, slots=True)
class TestResult(Ending):
    """All there is to say about how one test ended. Holds no points and nothing hidden.

    `message` says what is wrong, `hint` names the likely mistake, `place` is where the code raised; `output`
    is the student's own stdout (public tests only); `margins` are measured error / limit, for the instructor.
    """

    __test__ = False

    reason: Reason | None = None
    seconds: Seconds = 0.0
    message: Text = NO_TEXT
    hint: Text = NO_TEXT
    place: Place | None = None
    output: Shown = ""
    margins: tuple[tuple[Shown, float], ...] = ()


@dataclass(frozen=True, slots=True)
class JobSummary:
    """The outcome of one job without what is told of it: what plans and tables need of a thousand."""

    exercise: Name
    submission: Name
    device: Annotated[str, Meta(pattern=r"\A(cpu|cuda)\Z")]
    state: State
    tests: tuple[Ending, ...] = ()
    seconds: Seconds = 0.0
    wall: Annotated[str, Meta(pattern=r"\A(A|C|none)?\Z")] = ""  # tier of the sandbox
    memory_limit: Annotated[str, Meta(pattern=r"\A(cgroup|approximate)?\Z")] = ""
    fault: Shown = ""  # our own traceback, for the instructor; empty unless ungraded
    judged_by: Digest = ""  # digest of what judged it: the exercise, those it builds on, the grader's code
    snapshot: Digest = ""  # digest of the student's files


@dataclass(frozen=True, slots=True)
class JobResult(JobSummary):
    """The outcome of one job, as stored. `notice` concerns the whole job (an import that failed)."""

    tests: tuple[TestResult, ...] = ()
    seed: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)] = 0
    notice: Text = NO_TEXT
    model: Path = ""  # the real checkpoint of `--model`, where the exercise has tests on one
    files: tuple[tuple[Path, Count], ...] = ()  # the student's Python files, with their numbers of lines


ResultT = TypeVar("ResultT", bound=JobSummary)


class Score(NamedTuple):
    """Points of one job. `maximum` excludes what is ungradable here; bonus is never in `maximum`."""

    points: float = 0.0
    maximum: float = 0.0
    bonus: float = 0.0
    ungradable: float = 0.0

    @property
    def total(self) -> float:
        """Required points plus bonus."""
        return self.points + self.bonus


def score_test(
    spec: TestSpec,
    result: Ending | None,
    share: Callable[[Ending], float] = lambda test: test.counted,
) -> Score:
    """Score one test. A test without a result earns nothing of its points."""
    if result is not None and result.status is Status.UNGRADABLE:
        return Score(ungradable=0.0 if spec.bonus else spec.points)
    earned = spec.points * share(result) if result is not None else 0.0
    if spec.bonus:
        return Score(bonus=round(earned, 6))
    return Score(points=round(earned, 6), maximum=spec.points)


def score_job(specs: Iterable[TestSpec], result: JobSummary) -> Score:
    """Score a job against a tests table. An ungraded job has no maximum: nobody loses by our fault."""
    if result.state is State.UNGRADED:
        return Score(ungradable=sum(s.points for s in specs if not s.bonus))
    by_name = {t.name: t for t in result.tests}
    return add_up(score_test(s, by_name.get(s.name)) for s in specs)


def add_up(scores: Iterable[Score]) -> Score:
    """Return the sum of many scores."""
    points = maximum = bonus = ungradable = 0.0
    for score in scores:
        points += score.points
        maximum += score.maximum
        bonus += score.bonus
        ungradable += score.ungradable
    return Score(round(points, 6), round(maximum, 6), round(bonus, 6), round(ungradable, 6))


@dataclass(frozen=True, slots=True)
class Limits:
    """What one job may use. Every limit ends in its own `Reason`."""

    cpu: float = 60.0  # CPU seconds, whole job
    wall: float = 120.0  # wall-clock seconds, whole job
    call: float = 20.0  # wall-clock seconds, one call
    memory: int = 2048  # MiB beyond the warm interpreter
    processes: int = 64  # processes and threads
    files: int = 256  # open file descriptors
    scratch: int = 64  # MiB of private disk
    output: int = 1024  # KiB on stdout and stderr together


@dataclass(frozen=True, slots=True)
class Job:
    """What a slot needs to grade one submission of one exercise. `files` is the byte-exact snapshot.

    `tests` restricts the run to some tests (empty: all); `diagnose` asks for the mistakes' names, and for
    a second grading on the published kit where the first loses points; `policy` is off only for what
    `grader verify` grades of ours: a library that wraps what the exercise forbids.
    """

    exercise: str
    submission: str
    device: str
    files: Mapping[str, bytes] = field(repr=False)
    seed: int = 0
    tests: tuple[str, ...] = ()
    diagnose: bool = True
    policy: bool = True
