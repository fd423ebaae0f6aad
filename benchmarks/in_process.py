"""What people do today: pytest, with the student's module in its own process. A pytest plugin.

    IN_PROCESS='{"exercise": DIR, "answers": DIR, "student": DIR, "seed": 1, "result": FILE}' \
        python -m pytest -p in_process DIR/hidden_tests DIR/public_tests .../shared_tests

The exercise's own test functions run unchanged; only what they are given differs. `answers` is laid out as
a student's repository and holds the references. Time limits are the exercise's: per call (less for
what ran out of it before, as in `grader run`), and in all.
The CPU time that the student's own functions take is added up by the way, less that of the judge's functions
they call.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from importlib import import_module, invalidate_caches
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from grader.checks import Sample, StudentRaised
from grader.exercise import Exercise, read_exercise
from grader.job import Limits, TestSpec
from grader.remote.exposed import ExposedObject, expose
from grader.remote.instance import Instance
from grader.remote.patience import Patience
from grader.rng import Rng

LEAST = 0.5  # seconds that must be left for another call
ROUNDS, WARM_UP = 15, 2  # of a race


class TimeUp(BaseException):
    """A call, or all calls together, took too long. No Exception: the student's code must not catch it."""


class Stopwatch:
    """Bounds each call of the student's and adds up its CPU time."""

    def __init__(self, limits: Limits) -> None:
        self.cpu = self.wall = 0.0
        self._limits = limits
        self._patience = Patience(limits.call)
        self._since: tuple[float, float] | None = None

    @contextmanager
    def running(self, name: str = "") -> Iterator[None]:
        """Time what is the student's: a call of the function of this name."""
        each = self._patience.seconds(name)
        left = min(each, self._limits.wall - self.wall, self._limits.cpu - self.cpu)
        if left < LEAST:
            raise TimeUp
        signal.setitimer(signal.ITIMER_REAL, left, 1.0)  # again, should the code swallow the first
        self._start()
        begin = time.perf_counter()
        try:
            yield
            self._patience.answered(name, time.perf_counter() - begin)
        except TimeUp:
            if left == each:
                self._patience.lose(name)
            raise
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            self._stop()

    @contextmanager
    def pausing(self) -> Iterator[None]:
        """Do not count what is the judge's, within a call."""
        self._stop()
        try:
            yield
        finally:
            self._start()

    def _start(self) -> None:
        self._since = time.process_time(), time.perf_counter()

    def _stop(self) -> None:
        if self._since is not None:
            cpu, wall = self._since
            self.cpu, self.wall = self.cpu + time.process_time() - cpu, self.wall + time.perf_counter() - wall
            self._since = None


class Student:
    """The student's module as a test sees it: names of the interface, called in this process."""

    def __init__(self, module: ModuleType, exercise: Exercise, stopwatch: Stopwatch) -> None:
        self._module, self._interface, self._stopwatch = module, exercise.interface, stopwatch
        self._classes = {
            kind: name for name in self._interface.classes if isinstance(kind := vars(module).get(name), type)
        }
        self._objects: list[object] = []  # behind instances; keeps their id() from being used again
        self._instances: dict[int, Instance] = {}
        self._lent: dict[int, object] = {}  # id(exposed) -> stand-in
        self._owners: dict[int, ExposedObject] = {}  # id(stand-in) -> exposed
        self._failure: Exception | None = None
        self._inference = False
        self._observers: list[list[object]] = []

    def __getattr__(self, name: str) -> Callable[..., object]:
        if name not in self._interface.names:
            raise AttributeError(name)
        return lambda *args, **kwargs: self._call(name, self._find(name), args, kwargs)

    def has(self, name: str) -> bool:
        """Say whether the module defines it."""
        return name in vars(self._module)

    def upload(self, files: Mapping[str, bytes]) -> str:
        """Write files into a new folder."""
        folder = Path(tempfile.mkdtemp(prefix="upload-"))
        for name, content in files.items():
            (folder / name).write_bytes(content)
        return str(folder)

    @property
    def graphs(self) -> int:
        """How many graphs torch.compile has made."""
        from grader.inside.compiling import graphs

        return graphs()

    def compiled(self, name: str, *, fullgraph: bool = False, dynamic: bool | None = None) -> Compiled:
        """Return a function to be called through torch.compile with the eager back end."""
        return Compiled(self, name, fullgraph, dynamic)

    @contextmanager
    def inference_mode(self) -> Iterator[None]:
        """Run calls under torch.inference_mode."""
        self._inference = True
        try:
            yield
        finally:
            self._inference = False

    @contextmanager
    def observing(self) -> Iterator[list[object]]:
        """Collect what calls do besides returning."""
        seen: list[object] = []
        self._observers.append(seen)
        try:
            yield seen
        finally:
            self._observers = [o for o in self._observers if o is not seen]

    def _find(self, name: str) -> Callable[..., Any]:
        if name not in vars(self._module):
            raise _raised(AttributeError(f"your solution.py does not define {name}"))
        return vars(self._module)[name]  # type: ignore[no-any-return]

    def _call(
        self, name: str, target: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> object:
        args, kwargs = self._inwards(args), self._inwards(kwargs)
        observation = self._observe(target, args, kwargs)
        try:
            with self._stopwatch.running(name), torch.inference_mode() if self._inference else nullcontext():
                value = target(*args, **kwargs)
        except (Exception, SystemExit) as error:
            raise self._failure or _raised(error) from error
        finally:
            if observation is not None:
                evidence = observation.compare()
                for seen in self._observers:
                    seen.append(evidence)
        if self._failure is not None:
            raise self._failure
        return self._outwards(value)

    def _observe(self, target: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]):  # type: ignore[no-untyped-def]  # noqa: ANN202
        if not self._observers:
            return None
        from grader.inside.evidence import Observation

        return Observation(target, args, kwargs, [])

    def _call_method(
        self, instance: Instance, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> object:
        target = self._objects[instance._handle]
        method = target if name == "__call__" else getattr(target, name)
        return self._call(f"{instance._cls}.{name}", method, args, kwargs)

    def _inwards(self, value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, Instance):
            return self._objects[value._handle]
        if isinstance(value, ExposedObject):
            return self._stand_in(value)
        if type(value) in (list, tuple):
            return type(value)(map(self._inwards, value))
        if type(value) is dict:
            return {key: self._inwards(item) for key, item in value.items()}
        return value

    def _outwards(self, value: Any) -> Any:  # noqa: ANN401
        for kind in type(value).__mro__:
            if kind in self._classes:
                return self._instance(value, self._classes[kind])
        if id(value) in self._owners:
            return self._owners[id(value)]
        if isinstance(value, torch.Tensor):
            return value.detach()
        if isinstance(value, tuple):
            return tuple(map(self._outwards, value))
        if type(value) is list:
            return [self._outwards(item) for item in value]
        if isinstance(value, dict):
            return {key: self._outwards(item) for key, item in value.items()}
        return value

    def _instance(self, value: object, cls: str) -> Instance:
        if id(value) not in self._instances:
            methods = self._interface.classes[cls]
            self._instances[id(value)] = Instance(len(self._objects), cls, methods, self._call_method)
            self._objects.append(value)
        return self._instances[id(value)]

    def _stand_in(self, target: ExposedObject) -> object:
        def forward(method: str) -> Callable[..., object]:
            def call(_self: object, *args: object, **kwargs: object) -> object:
                with self._stopwatch.pausing():
                    try:
                        return self._inwards(
                            target.call(method, self._outwards(list(args)), self._outwards(kwargs))
                        )
                    except Exception as error:
                        self._failure = self._failure or error
                        raise

            return call

        if id(target) not in self._lent:
            stand_in = type("Exposed", (), {name: forward(name) for name in target.methods})()
            self._lent[id(target)], self._owners[id(stand_in)] = stand_in, target
        return self._lent[id(target)]


class Compiled:
    """A function of the student's behind a torch.compile wrapper, and how many graphs it has."""

    def __init__(self, student: Student, name: str, fullgraph: bool, dynamic: bool | None) -> None:
        self._student, self.graphs = student, 0
        self._name = name
        self._wrapper = torch.compile(
            student._find(name), fullgraph=fullgraph, dynamic=dynamic, backend="eager"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> object:  # noqa: ANN401
        """Call it."""
        before = self._student.graphs
        try:
            return self._student._call(f"compiled {self._name}", self._wrapper, args, kwargs)
        finally:
            self.graphs += self._student.graphs - before


def _raised(error: BaseException) -> StudentRaised:
    raised = StudentRaised(f"{type(error).__name__}: {error}")
    raised.mro = tuple(kind.__name__ for kind in type(error).__mro__)
    return raised


def load_tree(folder: Path, names: list[str]) -> dict[str, ModuleType]:
    """Import exercises.NAME.solution of a repository, in place of any imported before."""
    for known in [name for name in sys.modules if name.partition(".")[0] == "exercises"]:
        del sys.modules[known]
    sys.path.insert(0, str(folder))
    invalidate_caches()
    try:
        return {name: import_module(f"exercises.{name}.solution") for name in names}
    finally:
        sys.path.remove(str(folder))


class InProcess:
    """The plugin: fixtures, the table's order and prerequisites, and the outcome of each test."""

    references: Mapping[str, ModuleType] = {}  # by exercise; kept for the next run in this process
    expectations: Mapping[tuple[str, int], list[object]] = {}  # what they answer to the samples of a seed

    def __init__(self, exercise: str, answers: str, student: str, seed: int, result: str) -> None:
        self._exercise = read_exercise(Path(exercise))
        self._answers, self._folder, self._seed = Path(answers), Path(student), seed
        self._result = Path(result)
        self._outcomes: dict[str, str] = {}
        self._stopwatch = Stopwatch(self._exercise.limits)
        self._module: ModuleType | None = None
        self._once: dict[Callable[..., object], object] = {}

    def load(self) -> None:
        """Import the references, then the submission; the latter's time is the student's."""
        names = [*(a.name for a in self._exercise.ancestors), self._exercise.name]
        if self._exercise.name not in InProcess.references:
            own = load_tree(self._answers, names)[self._exercise.name]
            InProcess.references = {**InProcess.references, self._exercise.name: own}
        sys.path.insert(0, str(self._exercise.path / "hidden_tests"))
        signal.signal(signal.SIGALRM, _alarm)
        with suppress(Exception, SystemExit, TimeUp), self._stopwatch.running():
            self._module = load_tree(self._folder, names)[self._exercise.name]

    # ------------------------------------------------------------------------------------------ hooks
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Bring the tests into the table's order."""
        order = {spec.name: i for i, spec in enumerate(self._exercise.tests)}
        items[:] = sorted((i for i in items if _function(i) in order), key=lambda i: order[_function(i)])

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Skip what cannot be run here, or builds on what did not pass."""
        spec: TestSpec = self._exercise.test(_function(item))
        if "model" in spec.needs or (spec.devices and "cpu" not in spec.devices):
            pytest.skip("not here")
        if self._outcomes.get(spec.name, "passed") != "passed":
            pytest.skip("another case has failed")
        if any(self._outcomes.get(name) != "passed" for name in spec.requires):
            pytest.skip("something it builds on did not pass")

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> None:
        """Turn running out of time into an ordinary failure."""
        test = pyfuncitem.obj

        def bounded(**arguments: Any) -> None:  # noqa: ANN401
            try:
                test(**arguments)
            except TimeUp:
                pytest.fail("took too long", pytrace=False)

        pyfuncitem.obj = bounded

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note how a test ended: the first of its cases that did not pass decides."""
        name = report.location[2].partition("[")[0]
        decides = report.when == "call" or report.outcome != "passed"
        if decides and self._outcomes.get(name, "passed") == "passed":
            self._outcomes[name] = report.outcome

    def pytest_sessionfinish(self) -> None:
        """Write down the outcome."""
        told = {"student_cpu": self._stopwatch.cpu, "tests": self._outcomes}
        self._result.write_text(json.dumps(told), encoding="utf-8")

    # --------------------------------------------------------------------------------------- fixtures
    @pytest.fixture
    def student(self) -> Student:
        """Return the submission."""
        if self._module is None:
            pytest.fail("the solution does not import")
        return Student(self._module, self._exercise, self._stopwatch)

    @pytest.fixture
    def reference(self) -> ModuleType:
        """Return the reference."""
        return InProcess.references[self._exercise.name]

    @pytest.fixture
    def rng(self, request: pytest.FixtureRequest) -> Rng:
        """Return the source of inputs: the one that the grader has, too."""
        return Rng(self._seed, f"{self._exercise.name}/{request.node.name}")

    @pytest.fixture
    def device(self) -> str:
        """Say where inputs belong."""
        return "cpu"

    @pytest.fixture
    def expose(self) -> Callable[..., ExposedObject]:
        """Lend an object of the judge's."""
        return expose

    @pytest.fixture
    def exercise(self) -> Exercise:
        """Return the exercise."""
        return self._exercise

    @pytest.fixture
    def samples(self) -> list[Sample]:
        """Return typical uses of the public names."""
        sys.modules.pop("samples", None)
        return list(import_module("samples").samples(Rng(self._seed, f"{self._exercise.name}/samples")))

    @pytest.fixture
    def expected(self, samples: list[Sample], reference: ModuleType) -> list[object]:
        """Return what the reference answers to them."""
        key = self._exercise.name, self._seed
        if key not in InProcess.expectations:
            for sample in samples:
                sample.prepare(reference)
            answers = [sample.run(reference, *sample.tensors) for sample in samples]
            InProcess.expectations = {**InProcess.expectations, key: answers}
        return InProcess.expectations[key]

    @pytest.fixture
    def once(self) -> Callable[..., object]:
        """Call a function once per submission."""

        def once(make: Callable[..., object], *args: object) -> object:
            if make not in self._once:
                self._once[make] = make(*args)
            return self._once[make]

        return once

    @pytest.fixture
    def printed(self, capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
        """Take what has been printed."""
        return lambda: "".join(capsys.readouterr())

    @pytest.fixture
    def earn(self) -> Callable[..., None]:
        """Take a share of the points, which nobody wants to know here."""
        return lambda fraction, note=None: None

    @pytest.fixture
    def checkpoint(self) -> None:
        """There is none."""

    @pytest.fixture
    def race(self, student: Student) -> Callable[..., float]:
        """Compare CPU times, by turns, in this process."""
        module, contestant = InProcess.references[self._exercise.name], student

        def race(*, baseline, student, rounds=ROUNDS, check=None, setup=lambda m: m):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202
            ours = setup(Student(module, self._exercise, self._stopwatch))
            theirs, costs = setup(contestant), [0.0, 0.0]
            for i in range(WARM_UP + rounds):
                times = [time.process_time()]
                baseline(ours, i)
                times.append(time.process_time())
                answer = student(theirs, i)
                times.append(time.process_time())
                if check is not None:
                    check(i, answer)
                if i >= WARM_UP:
                    costs = [c + b - a for c, a, b in zip(costs, times, times[1:], strict=False)]
            return costs[0] / max(costs[1], 1e-9)

        return race

    @pytest.fixture
    def inspection(self) -> object:
        """Return the static findings on the submission."""
        return self._inspect(self._folder)

    @pytest.fixture
    def reference_inspection(self) -> object:
        """Return those on the reference."""
        return self._inspect(self._answers)

    def _inspect(self, folder: Path) -> object:
        from grader.inside.policy import inspect
        from grader.inspection import inspection_spec, read_inspection

        homes = [folder / "exercises" / e.name for e in (*self._exercise.ancestors, self._exercise)]
        paths = [path for home in homes for path in home.iterdir() if path.suffix in (".py", ".md")]
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        return read_inspection(inspect(files, inspection_spec(self._exercise)))


def _alarm(*_: object) -> None:
    raise TimeUp


def _function(item: pytest.Item) -> str:
    return str(getattr(item, "originalname", None) or item.name)


def pytest_configure(config: pytest.Config) -> None:
    """Set the plugin up from the environment."""
    plugin = InProcess(**json.loads(os.environ["IN_PROCESS"]))
    plugin.load()
    config.pluginmanager.register(plugin)
