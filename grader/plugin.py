"""The pytest plugin: gives hidden tests their fixtures and turns each outcome into a `TestResult`.

The expected list of tests is exercise.yaml's table, never what the submission made happen: a test
without an outcome earns nothing. A test function is called by this plugin, not by pytest's fixture
machinery, because the same function is run again at the same seed on the reference (whose fault
was it?) and on known mistakes (which mistake is it?).
"""

from __future__ import annotations

import inspect
import signal
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, TypeVar

import pytest

from grader import trial
from grader.candidate import DOES_NOT_LOAD, Candidate, NotLoaded
from grader.checkpoint import Checkpoint
from grader.checks import NothingRaised, Sample, recording_clues, recording_margins
from grader.diagnosis import Answers, Diagnosis, Enough, Replay, Run, Symptom
from grader.errors import CourseError
from grader.exercise import SHARED_TESTS, TRIVIAL, Exercise
from grader.explain import kind_of
from grader.graft import Mutant
from grader.inspection import Inspection
from grader.job import NO_TEXT, Status, TestResult, TestSpec, Text
from grader.remote import RemoteModule, expose
from grader.rng import Rng
from grader.sanitise import plain
from grader.timing import NotMeasured, Race
from grader.verdict import EXPECTED_ENDINGS, PASSED, Verdict, returned_nothing, verdict_of

NOT_BEGUN = Text(
    f"not counted before the exercise's own tests have given more than {TRIVIAL:g} points",
    f"本练习自身的测试得分超过 {TRIVIAL:g} 分后才计分",
)
NOT_HERE = Text("needs a device that is not here: {}", "需要本机没有的设备：{}")
LACKING = {
    "model": Text(
        "not run: needs a real checkpoint (`grader run --model DIR`)",
        "未运行：需要真实的权重文件（`grader run --model DIR`）",
    ),
    "compiler": Text(
        f"not run: needs a C++ compiler that works behind the wall ({trial.REMEDY}; `grader doctor`)",
        f"未运行：需要一个能在沙箱中工作的 C++ 编译器（{trial.REMEDY}；`grader doctor`）",
    ),
}
AFTER = Text("not run: {} has to pass first", "未运行：需要先通过 {}")
TOO_BUSY = Text(
    "could not be measured, this machine is too busy: grade again", "无法测量：本机过于繁忙；请重新评测"
)
UNJUDGEABLE = Text(
    "your answer could not be judged: it is not of the kind this test can work with",
    "你的返回值无法评判：它不是本测试能够处理的类型或形式",
)
# CPU seconds of our own that judging one case of a submission may take, far more than any needs. After an
# answer that makes it more, the next case has half as long, down to the second of these.
JUDGING, LEAST_JUDGING = 60.0, 2.0
T = TypeVar("T")
NO_REPLAY = Replay((), PASSED)  # equals no failure


class BrokenTest(Exception):  # noqa: N818  # names the state of the course
    """A hidden test fails on the reference too: the course is at fault, nobody loses a point."""


class TookTooLong(Exception):  # noqa: N818  # says what happened; whose fault it is, is asked next
    """Judging an answer has used up the CPU time of ours that there is for it."""


class Bench(Protocol):
    """What the plugin needs from the slot that runs it: one candidate, and all that judges it."""

    @property
    def exercise(self) -> Exercise:
        """The exercise."""

    @property
    def device(self) -> str:
        """Where it is judged: cpu or cuda."""

    @property
    def seed(self) -> int:
        """The run's secret seed."""

    @property
    def candidate(self) -> Candidate:
        """The submission."""

    @property
    def reference(self) -> ModuleType:
        """The reference solution, in this process."""

    def samples(self) -> list[Sample]:
        """Make what the shared tests run."""

    @property
    def expected(self) -> Sequence[object]:
        """What the reference answers to the samples."""

    @property
    def diagnosis(self) -> Diagnosis:
        """The known mistakes."""

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The real checkpoint to grade on."""

    def has(self, need: str) -> bool:
        """Tell whether something that a test needs is here."""

    def stand_in(self) -> Candidate:
        """Open the reference in place of the student."""

    def files_of(self, mutant: Mutant | None) -> Mapping[str, bytes]:
        """Return a mutant, or the reference for None, as a submission."""

    def reference_inspection(self) -> Inspection:
        """Return the static findings on the reference."""


class Judge:
    """A pytest plugin that judges one candidate by one exercise's tests."""

    def __init__(
        self,
        bench: Bench,
        only: tuple[str, ...] = (),
        diagnose: bool = True,
    ) -> None:
        """Judge `only` some tests (all, without names)."""
        self.bench = bench
        self._only = _with_prerequisites(bench.exercise, only)
        self._symptoms: list[Symptom] | None = [] if diagnose else None
        self._judging = JUDGING
        self.results: dict[str, TestResult] = {}
        self.collected: set[str] = set()
        self.fault = ""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Bring the tests into the table's order; leave out what the table does not have."""
        order = {spec.name: i for i, spec in enumerate(self.bench.exercise.tests)}
        names = {id(item): _function_name(item) for item in items}
        self.collected.update(name for name in names.values() if name not in SHARED_TESTS or name in order)
        chosen = [i for i in items if names[id(i)] in order and names[id(i)] in self._only]
        items[:] = sorted(chosen, key=lambda i: order[names[id(i)]])

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a test file that cannot be imported: the course's fault."""
        if report.failed:
            self.fault = self.fault or str(report.longrepr)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool:
        """Judge one case instead of letting pytest call it."""
        spec = self.bench.exercise.test(_function_name(pyfuncitem))
        if not self.fault:
            try:
                result = self._ineligible(spec) or self._judge(pyfuncitem, spec)
            except Exception:  # the one place that turns our own fault into an ungraded job
                self.fault = traceback.format_exc()
            else:
                known = self.results.get(spec.name)
                self.results[spec.name] = result if known is None else _combine(known, result)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a fixture of the course that failed: no test may be lost to it."""
        if report.failed:
            self.fault = self.fault or str(report.longrepr)

    def missing(self) -> list[str]:
        """Name the rows of the table for which there is no test, and tests without a row."""
        table = {spec.name for spec in self.bench.exercise.tests}
        return sorted(table ^ self.collected)

    def skipped(self) -> list[str]:
        """Name the tests that pytest did not run (a skip mark, say): what a table grades must run."""
        return sorted(self._only - self.results.keys())

    def _ineligible(self, spec: TestSpec) -> TestResult | None:
        if spec.devices and self.bench.device not in spec.devices:
            where = ", ".join(spec.devices)
            return TestResult(spec.name, Status.UNGRADABLE, message=_fill(NOT_HERE, where, where))
        for need in spec.needs:
            if not self.bench.has(need):
                return TestResult(spec.name, Status.UNGRADABLE, message=LACKING[need])
        for name in spec.requires:
            if self.results[name].status is not Status.PASSED:
                title = self.bench.exercise.test(name).title
                status = self.results[name].status
                kept = Status.UNGRADABLE if status is Status.UNGRADABLE else Status.SKIPPED
                return TestResult(spec.name, kept, message=_fill(AFTER, title.en, title.zh))
        if spec.name in SHARED_TESTS and self._is_whole and not self._is_begun():
            return TestResult(spec.name, Status.SKIPPED, message=NOT_BEGUN)
        return None

    @property
    def _is_whole(self) -> bool:
        return len(self._only) == len(self.bench.exercise.tests)

    def _is_begun(self) -> bool:
        return self.bench.exercise.is_begun(self.results.values())

    def _judge(self, item: pytest.Function, spec: TestSpec) -> TestResult:
        """Run one case on the student, and, where it fails, find out whose fault and which mistake."""
        known = self.results.get(spec.name)
        if known is not None and known.status is not Status.PASSED:
            return known  # another case of the same test has failed already
        started = time.monotonic()
        case = Case(item, spec, self.bench, dict(item.funcargs))
        with recording_margins() as margins:
            replay = case.run(self.bench.candidate, judging=self._judging)
        if case.slow:
            self._judging = max(self._judging / 2, LEAST_JUDGING)
        seconds = time.monotonic() - started
        verdict = replay.verdict
        told = verdict.explained or not verdict.attempted or verdict.message == DOES_NOT_LOAD
        wrong = not told and verdict.status in (Status.FAILED, Status.ERROR)
        repeatable = not spec.needs  # which takes too long
        if wrong and self._symptoms is not None and repeatable:
            self._symptoms.append(Symptom(spec.name, case.key, replay, self._replay_of(case)))
        earned = case.earned if case.earned is not None else float(verdict.status is Status.PASSED)
        output = self.bench.candidate.take_output()
        return TestResult(
            name=spec.name,
            status=verdict.status,
            fraction=earned if verdict.status in (Status.PASSED, Status.FAILED) else 0.0,
            reason=verdict.reason,
            seconds=round(seconds, 4),
            message=verdict.message or case.note,
            hint=spec.hint if wrong and not verdict.silent else NO_TEXT,
            place=verdict.place,
            output=plain(output, 4000) if spec.public else "",
            margins=tuple(margins),
        )

    def name_mistakes(self) -> None:
        """Replace the tests' own hints by those of the mistakes that were made, where they are known."""
        if not self._symptoms or not self.bench.diagnosis.mutants:
            return
        passed = {name for name, result in self.results.items() if result.status is Status.PASSED}
        with self.bench.stand_in() as self._understudy:
            for name, named in self.bench.diagnosis.of(self._symptoms, passed).items():
                self.results[name] = replace(self.results[name], hint=named.hint)

    def _replay_of(self, case: Case) -> Run:
        def replay(mutant: Mutant | None, most: int | None, *, fresh: bool = False) -> Replay:
            understudy = self._understudy
            worn = understudy.become(self.bench.files_of(mutant), ours=mutant is None, fresh=fresh)
            with recording_margins():
                try:
                    seen = replace(case).run(understudy, most)
                except BrokenTest as error:  # it did run once: a fixture that pytest has torn down since
                    understudy.settle(error)
                    return NO_REPLAY
            # What others have used up in this worker must not be held against this one.
            killed = worn and seen.verdict.status is Status.KILLED
            return replay(mutant, most, fresh=True) if killed else seen

        return replay


@dataclass(slots=True)
class Case:
    """One call of a test function, repeatable at the same seed on any candidate."""

    item: pytest.Function
    spec: TestSpec
    bench: Bench
    fixtures: Mapping[str, Any]  # the course's own: pytest drops them from the item after the test
    earned: float | None = None
    note: Text = NO_TEXT
    slow: bool = False  # whether an answer took too long to be judged

    @property
    def key(self) -> str:
        """Identify the case: test name, and parameters if any."""
        return self.item.name

    def run(self, candidate: Candidate, most: int | None = None, judging: float = 0.0) -> Replay:
        """Call the test on a candidate, up to some number of answers.

        `judging` is how many CPU seconds of ours that may take (0: any). Raises BrokenTest where the test
        itself is wrong.
        """
        answers = Answers(most)
        cut = raised = False
        try:
            with recording_clues(answers.clue), _at_most(judging):
                self._call(candidate, answers)
            verdict = PASSED
        except Enough as error:
            candidate.settle(error)
            verdict, cut = PASSED, True
        except NotLoaded as error:
            verdict = error.verdict
        except NotMeasured as error:
            candidate.settle(error)
            verdict = Verdict(Status.UNGRADABLE, TOO_BUSY)
        except EXPECTED_ENDINGS as error:
            candidate.settle(error)
            raised = isinstance(error, NothingRaised)
            verdict = verdict_of(error, self.bench.exercise.limits, public=self.spec.public)
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt | CourseError):  # the machine's trouble, no answer's
                raise
            self.slow = isinstance(error, TookTooLong)
            verdict = self._whose_fault(candidate, error, answers)
            candidate.settle(error)
        if verdict.status in (Status.FAILED, Status.ERROR) and answers.nothing and not raised:
            verdict = self._none_given(answers.nothing) or verdict
        return Replay(tuple(answers.kept), verdict, answers.whole, cut)

    def _none_given(self, names: Iterable[str]) -> Verdict | None:
        """Judge a test that was lost after functions had returned None, if any of them has to answer."""
        answering = self.bench.exercise.answering()
        return next((returned_nothing(name) for name in names if name in answering), None)

    def _call(self, candidate: Candidate, answers: Answers) -> None:
        function = self.item.obj
        names = inspect.signature(function).parameters
        offered = Offered(self, candidate, answers)
        given = self.item.callspec.params if hasattr(self.item, "callspec") else {}
        arguments = {name: given[name] if name in given else offered.get(name) for name in names}
        function(**arguments)
        offered.settle()

    def _whose_fault(self, candidate: Candidate, error: BaseException, answers: Answers) -> Verdict:
        """Judge code raised on this answer. If it does not on the reference's, the answer was at fault."""
        if candidate.ours:
            raise BrokenTest(f"{self.key} fails on our own solution") from error
        if self.bench.exercise.published:  # no reference here to ask; the course has tried these tests
            if not answers.kept:
                raise BrokenTest(f"{self.key} fails before anything is asked: {error}") from error
            return Verdict(Status.FAILED, _unjudgeable(error))
        with self.bench.stand_in() as ours:
            replay = replace(self).run(ours)
        if replay.verdict.status is not Status.PASSED:
            raise BrokenTest(
                f"{self.key} does not pass on the reference: {replay.verdict.message.en}"
            ) from error
        return Verdict(Status.FAILED, _of_another_kind(answers, replay) or UNJUDGEABLE)


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Raise TookTooLong inside the block after so many CPU seconds of this process; 0 is no limit.

    What a student's code does meanwhile is not among them: it has limits of its own.
    """
    if not seconds or not hasattr(signal, "setitimer"):  # Windows, where nobody grades others
        yield
        return

    def stop(*_: object) -> None:
        raise TookTooLong(f"not judged within {seconds:g} CPU seconds")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@dataclass
class Offered:
    """The arguments a test function may ask for, made when they are asked for."""

    case: Case
    candidate: Candidate
    answers: Answers

    def get(self, name: str) -> Any:  # noqa: ANN401  # whatever the test's argument is
        """Return the argument of that name: one of ours, or what pytest made of the course's own fixture."""
        return getattr(self, name) if name in OFFERED else self.case.fixtures[name]

    @cached_property
    def student(self) -> RemoteModule:
        """The submission, in its worker."""
        spec = self.case.spec
        return self.candidate.module(fresh=spec.fresh, record=self.answers.add)

    @cached_property
    def rng(self) -> Rng:
        """The source of inputs: equal for all submissions of a run."""
        return Rng(self.case.bench.seed, f"{self.case.bench.exercise.name}/{self.case.key}")

    @property
    def reference(self) -> ModuleType:
        """The reference solution, in this process."""
        return self.case.bench.reference

    @property
    def device(self) -> str:
        """Where inputs belong: cpu or cuda."""
        return self.case.bench.device

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The real checkpoint, for tests that need a model."""
        return self.case.bench.checkpoint

    @property
    def expose(self) -> Callable[..., object]:
        """Hand the student an object that stays here."""
        return expose

    @property
    def exercise(self) -> Exercise:
        """The exercise itself."""
        return self.case.bench.exercise

    @property
    def samples(self) -> list[Sample]:
        """Typical uses of the public names, for the shared tests."""
        return self.case.bench.samples()

    @property
    def expected(self) -> Sequence[object]:
        """What the reference answers to them, in their order."""
        return self.case.bench.expected

    @property
    def once(self) -> Callable[..., Any]:
        """Call a function once per solution, whatever it is given: later tests get what it returned.

        What it asks the solution is part of no test's answers.
        """

        def once(make: Callable[..., T], *args: object) -> T:
            before, self.answers.deaf = self.answers.deaf, True
            try:
                return self.candidate.once(make, *args)
            finally:
                self.answers.deaf = before

        return once

    @property
    def inspection(self) -> Inspection:
        """Static findings on the submission."""
        return self.candidate.inspect()

    @property
    def reference_inspection(self) -> Inspection:
        """Static findings on the reference."""
        return self.case.bench.reference_inspection()

    @property
    def printed(self) -> Callable[[], str]:
        """Take what the submission printed since this was last called."""
        return self.candidate.take_output

    @property
    def earn(self) -> Callable[..., None]:
        """Grant a share of the points instead of all or nothing, with a note on what was measured."""

        def earn(fraction: float, note: Text = NO_TEXT) -> None:
            self.case.earned = min(1.0, max(0.0, fraction))
            self.case.note = note

        return earn

    @property
    def race(self) -> Race:
        """Compare the submission's CPU time with the reference's."""
        return Race(self.candidate, self.student, self.case.bench.stand_in)

    def settle(self) -> None:
        """Check, at the end of a test, that nothing unasked-for came from the worker."""
        if "student" in self.__dict__:
            self.student.settle()


class Shortcut:
    """A pytest plugin that keeps collection from looking at anything beside the test folders."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = frozenset(folders)
        self._above = frozenset(parent for folder in self._folders for parent in folder.parents)

    @pytest.hookimpl(tryfirst=True)
    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Ignore what is neither a test folder, nor above one, nor in one."""
        if collection_path in self._above or collection_path in self._folders:
            return False
        return None if self._folders.intersection(collection_path.parents) else True


OFFERED = ("student", "reference", "rng", "device", "expose", "samples", "expected", "once", "inspection",
           "reference_inspection", "earn", "exercise", "printed", "checkpoint", "race")  # fmt: skip
# pytest must know the names to collect the tests; the real objects are made per call, by `Offered`.
Placeholders = type(
    "Placeholders", (), {name: pytest.fixture(name=name)(lambda self: None) for name in OFFERED}
)


def _of_another_kind(answers: Answers, right: Replay) -> Text:
    """Say which answer is of another kind than the reference's, if it is the last one that was given."""
    number = len(answers.kept)
    if not (answers.whole and right.whole and 0 < number <= len(right.answers)):
        return NO_TEXT
    got, due = kind_of(answers.kept[-1]), kind_of(right.answers[number - 1])
    if got == due:
        return NO_TEXT
    name = answers.last
    return Text(f"{name}: returned {got.en}, expected {due.en}", f"{name}：返回了{got.zh}，应为{due.zh}")


def _function_name(item: pytest.Item) -> str:
    return str(getattr(item, "originalname", None) or item.name)


def _with_prerequisites(exercise: Exercise, only: tuple[str, ...]) -> frozenset[str]:
    """Return the tests asked for (all for none) with the tests they require; other names are left out."""
    wanted = {spec.name for spec in exercise.tests if not only or spec.name in only}
    for spec in reversed(exercise.tests):  # a test requires earlier rows only
        if spec.name in wanted:
            wanted.update(spec.requires)
    return frozenset(wanted)


def _fill(text: Text, en: str, zh: str) -> Text:
    return Text(text.en.format(en), text.zh.format(zh))


def _unjudgeable(error: BaseException) -> Text:
    """Say what a test made of an answer, to those who can read that test."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    said = f"{type(error).__name__}: {error} ({Path(place.filename).name}:{place.lineno})"
    return Text(f"{UNJUDGEABLE.en}: {said}", f"{UNJUDGEABLE.zh}：{said}")


def _combine(known: TestResult, new: TestResult) -> TestResult:
    """Combine two cases of one test: the first that did not pass decides."""
    if new is known:
        return known
    return replace(new, seconds=known.seconds + new.seconds, margins=known.margins + new.margins)
