"""A slot: the trusted process that grades one job at a time by running pytest on its exercise."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from grader import trial
from grader.candidate import Candidate, NotLoaded
from grader.checkpoint import Checkpoint
from grader.checks import Sample, bound_walks
from grader.diagnosis import Diagnosis
from grader.errors import ContentError, UngradedError
from grader.exercise import Exercise
from grader.graft import Mutant
from grader.inspection import Inspection, read_inspection
from grader.job import NO_TEXT, Job, JobResult, State, Status, TestResult, Text
from grader.kit import Outcome, lost_tests, merge
from grader.plugin import Judge, Placeholders, Shortcut
from grader.rng import Rng
from grader.wall import owner
from grader.wall.choice import AnyWall, build_wall

if TYPE_CHECKING:
    from grader.wall.launch import Tier

SHARED_TESTS_PATH = Path(__file__).parent / "shared_tests"
MOST_TRIALS = 2  # of what is not here
INSPECTOR = "grader.inside.policy"  # what every job's worker needs first
NO_CONFIGURATION = SHARED_TESTS_PATH / "pytest.ini"  # os.devnull is no file on every system
# Neither configuration nor plugins of the machine may change a verdict.
UNWANTED = ("cacheprovider", "terminal", "faulthandler", "unraisableexception", "threadexception", "junitxml",
            "doctest", "pastebin", "logging", "stepwise", "setuponly", "setupplan")  # fmt: skip
PYTEST_OPTIONS = (
    "--assert=plain", "--capture=no",
    "--import-mode=importlib", "--noconftest", "-c", str(NO_CONFIGURATION), "-W", "ignore",
    *(f"-pno:{name}" for name in UNWANTED),
)  # fmt: skip


class Slot:
    """Grades jobs one after another. Exercises, references and replays are kept between jobs."""

    def __init__(
        self,
        tier: Tier,
        preload: Sequence[str],
        device: str,
        exercises: Mapping[str, Exercise],
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self._tier = tier
        self._preload = (INSPECTOR, *preload)
        self._device = device
        self._exercises = {name: _with_room(exercise, checkpoint) for name, exercise in exercises.items()}
        self._checkpoint = checkpoint
        self._desks: dict[tuple[str, str], Desk] = {}
        self._prepare_process()

    @cached_property
    def wall(self) -> AnyWall:
        """The sandbox, built when the first job needs it: if that fails, the job can say so."""
        files = self._checkpoint.files if self._checkpoint else ()
        return build_wall(self._tier, self._preload, self._device, files)

    def longest(self, job: Job) -> float:
        """Return the most seconds the student's code can keep a job busy, replays on our own included."""
        gradings = 4 if self._exercises[job.exercise].ancestors else 3
        return gradings * self._exercises[job.exercise].limits.wall

    @staticmethod
    def _prepare_process() -> None:
        import torch

        torch.set_num_threads(1)  # slots run side by side, one per core
        bound_walks(torch.Tensor)
        os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        sys.dont_write_bytecode = True  # the course folder may be read-only, and is not ours to litter

    def grade(self, job: Job) -> JobResult:
        """Grade one job. Never raises for anything a student or an exercise did."""
        started = time.monotonic()
        on_model = self._checkpoint if self._exercises[job.exercise].uses("model") else None
        try:
            desk = self._desk(job)
            desk.try_out()
            with Candidate(self.wall, desk.exercise, job.files, job.device, policy=job.policy) as candidate:
                result = desk.grade(candidate, job)
        except (UngradedError, ContentError):
            result = self._ungraded(job, traceback.format_exc())
        except Exception:  # our own fault must never be a student's
            result = self._ungraded(job, traceback.format_exc())
        return replace(
            result,
            seconds=round(time.monotonic() - started, 3),
            wall=self._tier,
            memory_limit=self.wall.memory_limit if "wall" in self.__dict__ else "",
            seed=job.seed,
            model=on_model.label if on_model else "",
        )

    def close(self) -> None:
        """End everything beyond the wall."""
        if "wall" in self.__dict__:
            self.wall.close()

    def _desk(self, job: Job) -> Desk:
        """Return the desk of a job's exercise; one per exercise and device is kept, for the last seed."""
        desk = self._desks.get((job.exercise, job.device))
        if desk is None or desk.seed != job.seed:
            exercise = self._exercises[job.exercise]
            desk = Desk(self.wall, exercise, job.device, job.seed, self._checkpoint)
            self._desks[job.exercise, job.device] = desk
        return desk

    def _ungraded(self, job: Job, fault: str) -> JobResult:
        return JobResult(job.exercise, job.submission, job.device, State.UNGRADED, fault=fault)


@dataclass(slots=True, eq=False)
class _Bench:
    """One candidate at one desk: what the plugin sees."""

    desk: Desk
    candidate: Candidate

    @property
    def exercise(self) -> Exercise:
        return self.desk.exercise

    @property
    def device(self) -> str:
        return self.desk.device

    @property
    def seed(self) -> int:
        return self.desk.seed

    @property
    def reference(self) -> ModuleType:
        return self.desk.reference

    def samples(self) -> list[Sample]:
        return self.desk.samples()

    @property
    def expected(self) -> Sequence[object]:
        return self.desk.expected

    @property
    def diagnosis(self) -> Diagnosis:
        return self.desk.diagnosis

    def stand_in(self) -> Candidate:
        return self.desk.stand_in()

    def files_of(self, mutant: Mutant | None) -> Mapping[str, bytes]:
        return self.desk.files_of(mutant)

    def reference_inspection(self) -> Inspection:
        return self.desk.reference_inspection

    @property
    def checkpoint(self) -> Checkpoint | None:
        return self.desk.checkpoint

    def has(self, need: str) -> bool:
        return self.desk.has_compiler if need == "compiler" else self.checkpoint is not None


@dataclass(slots=True)
class _Round:
    """One candidate judged. `judge` is None where a breach of the rules voids all of it."""

    exercise: Exercise
    judge: Judge | None
    notice: Text

    def name_mistakes(self) -> None:
        if self.judge is not None:
            self.judge.name_mistakes()

    def outcome(self) -> Outcome:
        if self.judge is None:
            void = (TestResult(s.name, Status.VIOLATION, message=_SEE_NOTICE) for s in self.exercise.tests)
            return Outcome(tuple(void), self.notice)
        results = self.judge.results
        return Outcome(tuple(results[s.name] for s in self.exercise.tests if s.name in results), self.notice)


@dataclass(eq=False)
class Desk:
    """Everything that is the same for all submissions of one exercise, device and seed."""

    wall: AnyWall
    exercise: Exercise
    device: str
    seed: int
    checkpoint: Checkpoint | None = None
    has_compiler: bool = False  # torch.compile has a C++ compiler behind the wall
    _solutions: dict[str, Mapping[str, bytes]] = field(default_factory=dict)  # by mutant; "" the reference
    _kits_load: bool = False
    _trials: int = 0

    def grade(self, candidate: Candidate, job: Job) -> JobResult:
        """Run the exercise's tests on a candidate, and what it lost once more on the published kits."""
        prefix = f"{owner.prefix()}tests_"  # the files of tests are there for the replays, too
        with tempfile.TemporaryDirectory(prefix=prefix) as made_by_tests:
            first = self._round(candidate, job.tests, job.diagnose, made_by_tests)
            lost = self._worth_another_try(job, candidate, first)
            second = self._second_round(job, lost, candidate, made_by_tests) if lost else None
            if second is not None and second.notice and not self.kits_carry_reference():
                kits = self.exercise.path.parent / "*" / "kit"
                raise ContentError(kits, f"the reference of {self.exercise.name} does not load on the kits")
            named = first if second is None or second.notice else second
            named.name_mistakes()
        own, again = first.outcome(), second.outcome() if second else None
        final = merge(self.exercise, job.files, own, again)
        return JobResult(
            job.exercise, job.submission, job.device, State.GRADED, final.tests, notice=final.notice
        )

    def _round(
        self,
        candidate: Candidate,
        tests: tuple[str, ...],
        diagnose: bool,
        made: str,
    ) -> _Round:
        """Judge a candidate by some tests (all, without names)."""
        if breaches := self._breaches(candidate):
            return _Round(self.exercise, None, breaches)
        judge = Judge(_Bench(self, candidate), tests, diagnose)
        self._run_pytest(judge, made)
        self._check_complete(judge)
        return _Round(self.exercise, judge, candidate.notice)

    def _worth_another_try(self, job: Job, candidate: Candidate, first: _Round) -> tuple[str, ...]:
        """Name the tests that may come out better on the kits."""
        upstream = self.exercise.ancestors
        if not (job.diagnose and upstream and all(a.kit_path.is_file() for a in upstream)):
            return ()
        own = f"exercises/{self.exercise.name}/"
        if first.judge is None and any(b.file.startswith(own) for b in candidate.inspect().breaches):
            return ()  # void on the kits, too
        return lost_tests(self.exercise, job.files, first.outcome().tests)

    def _second_round(self, job: Job, lost: tuple[str, ...], first: Candidate, made: str) -> _Round:
        """Judge on the kits, in what time the first grading left, at least half of the exercise's."""
        files, limits, left = self.exercise.on_kits(job.files), self.exercise.limits, first.left
        limits = replace(limits, cpu=max(left.cpu, limits.cpu / 2), wall=max(left.wall, limits.wall / 2))
        exercise = replace(self.exercise, limits=limits)
        patience = first.patience.on_kits()
        with Candidate(self.wall, exercise, files, job.device, patience=patience) as again:
            return self._round(again, lost, True, made)

    def _check_complete(self, judge: Judge) -> None:
        """Raise if any test of the table was not judged: the course's fault, or ours."""
        if judge.fault:
            raise UngradedError(judge.fault)
        if missing := judge.missing():
            where = self.exercise.path / "exercise.yaml"
            raise ContentError(where, f"tests table and test functions disagree on: {', '.join(missing)}")
        if skipped := judge.skipped():
            raise ContentError(
                self.exercise.path / "hidden_tests", f"pytest did not run: {', '.join(skipped)}"
            )

    def _breaches(self, candidate: Candidate) -> Text:
        """Name the breaches of the import policy that void the submission."""
        if not candidate.policy:
            return NO_TEXT
        try:
            breaches = candidate.inspect().breaches[:5]
        except NotLoaded:  # every test will end as the candidate's refusal says
            return NO_TEXT
        return Text("\n".join(b.en for b in breaches), "\n".join(b.zh for b in breaches))

    def _run_pytest(self, judge: Judge, made_by_tests: str) -> None:
        folders = (
            self.exercise.path / "public_tests",
            self.exercise.path / "hidden_tests",
            SHARED_TESTS_PATH,
        )
        present = [folder.resolve() for folder in folders if folder.is_dir()]
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), self._helpers_importable():
            places = (f"--confcutdir={self.exercise.path}", f"--basetemp={made_by_tests}")
            code = pytest.main(
                [*PYTEST_OPTIONS, *places, *map(str, present)],
                plugins=[judge, Placeholders(), Shortcut(present)],
            )
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) and not judge.fault:
            judge.fault = f"pytest ended with {code}:\n{said.getvalue()}"

    @contextlib.contextmanager
    def _helpers_importable(self) -> Iterator[None]:
        """Let hidden tests import helper modules beside them."""
        folder = str(self.exercise.path / "hidden_tests")
        sys.path.insert(0, folder)
        try:
            yield
        finally:
            sys.path.remove(folder)

    def stand_in(self) -> Candidate:
        """Open the reference in a worker of its own."""
        return Candidate(self.wall, self.exercise, self.files_of(None), self.device, ours=True)

    def files_of(self, mutant: Mutant | None) -> Mapping[str, bytes]:
        """Return a mutant, or the reference for None, as a submission."""
        name = mutant.name if mutant else ""
        if name not in self._solutions:
            reference = self.exercise.solution_files(self.exercise.reference_source())
            self._solutions[name] = self.exercise.mutant_files(mutant) if mutant else reference
        return self._solutions[name]

    def try_out(self) -> None:
        """Find out what a student's tests will need, before any code of that student's runs.

        What is not here is tried once more for the next one: nobody loses points to one bad moment.
        """
        if self.exercise.uses("compiler") and not self.has_compiler and self._trials < MOST_TRIALS:
            self._trials += 1
            self.has_compiler = not trial.compiler_problem(self.wall)

    @cached_property
    def reference(self) -> ModuleType:
        """The reference solution, imported into this trusted process, with the references upstream."""
        for upstream in self.exercise.ancestors:
            if upstream.module not in sys.modules:
                load_module(upstream.path / "reference" / "solution.py", upstream.module)
        return load_module(self.exercise.path / "reference" / "solution.py", self.exercise.module)

    def kits_carry_reference(self) -> bool:
        """Tell whether our own solution loads on the published kits: if not, nobody else's can be blamed."""
        if not self._kits_load:
            self._kits_load = self._load_on_kits()
        return self._kits_load

    def _load_on_kits(self) -> bool:
        files = self.exercise.on_kits(self.exercise.solution_files(self.exercise.reference_source()))
        with Candidate(self.wall, self.exercise, files, self.device, ours=True) as ours:
            try:
                ours.module(fresh=False)
            except NotLoaded:
                return False
        return True

    def samples(self) -> list[Sample]:
        """Make the exercise's samples for the shared tests: for each test anew, with the same inputs.

        Raises ContentError for one of a bonus name: these tests are worth required points.
        """
        samples = self._make_samples(Rng(self.seed, f"{self.exercise.name}/samples"))
        bonus = sorted({s.name for s in samples} & self.exercise.interface.optional)
        if bonus:
            path = self.exercise.path / "hidden_tests" / "samples.py"
            raise ContentError(path, f"a sample of {bonus[0]}, a bonus name, would cost required points")
        return samples

    @cached_property
    def _make_samples(self) -> Callable[[Rng], list[Sample]]:
        path = self.exercise.path / "hidden_tests" / "samples.py"
        if not path.is_file():
            return lambda rng: []
        with self._helpers_importable():
            make: Callable[[Rng], list[Sample]] = load_module(path, f"_samples_{self.exercise.name}").samples
        return make

    @cached_property
    def expected(self) -> Sequence[object]:
        """What the reference answers to them."""
        return [_answer(sample, self.reference) for sample in self.samples()]

    @cached_property
    def diagnosis(self) -> Diagnosis:
        """The exercise's known mistakes."""
        return Diagnosis(self.exercise.mutants())

    @cached_property
    def reference_inspection(self) -> Inspection:
        """Static findings on the reference; in a student's repository, what is published of them."""
        if (known := self.exercise.published) is not None:
            size = {"statements": known.statements, "tokens": known.tokens}
            return read_inspection({"size": size, "signatures": dict(known.signatures)})
        with self.stand_in() as candidate:
            return candidate.inspect()


def _answer(sample: Sample, module: ModuleType) -> object:
    sample.prepare(module)
    return sample.run(module, *sample.tensors)


_SEE_NOTICE = Text(
    "not counted: the submission breaks the import policy (see the notice)",
    "不计分：提交违反了导入规则（见上方提示）",
)


def _with_room(exercise: Exercise, checkpoint: Checkpoint | None) -> Exercise:
    """Give an exercise the memory and the time that its tests on a real checkpoint take."""
    if checkpoint is None or not exercise.uses("model"):
        return exercise
    return replace(exercise, limits=checkpoint.raise_limits(exercise.limits))


def load_module(path: Path, name: str) -> ModuleType:
    """Import a file of the course under a dotted name, so that later exercises can import it by that name."""
    parts = name.split(".")
    for i in range(1, len(parts)):
        package = ".".join(parts[:i])
        if package not in sys.modules:
            module = ModuleType(package)
            module.__path__ = []
            sys.modules[package] = module
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ContentError(path, "cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
