"""An exercise of the course: exercise.yaml, validated, and the folder around it."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from grader.errors import ContentError
from grader.graft import Mutant, graft, read_mutant
from grader.job import NO_TEXT, Ending, Limits, TestSpec, Text, add_up, score_test
from grader.manifest import Section, is_name, read_manifest

# The tests every exercise has (grader/shared_tests/); exercise.yaml says what each is worth.
SHARED_TESTS: Mapping[str, Text] = {
    "test_inputs_unmodified": Text("Z1 · inputs are not modified", "Z1 · 不修改输入"),
    "test_output_form": Text(
        "Z2 · outputs have exactly the right dtype and shape", "Z2 · 输出的 dtype 与形状完全正确"
    ),
    "test_inference_mode": Text(
        "Z3 · works under torch.inference_mode()", "Z3 · 在 torch.inference_mode() 下可用"
    ),
    "test_noncontiguous_inputs": Text(
        "Z4 · non-contiguous inputs give the same result", "Z4 · 非连续输入得到相同结果"
    ),
    "test_global_rng_untouched": Text(
        "Z5 · the global random state is left alone", "Z5 · 不改动全局随机状态"
    ),
    "test_silent": Text("Z6 · prints nothing, writes no files", "Z6 · 不打印、不写文件"),
    "test_import_policy": Text("Z7 · import policy", "Z7 · 导入规则"),
    "test_pseudocode": Text("Z8 · PSEUDOCODE.md is filled in", "Z8 · PSEUDOCODE.md 已填写"),
    "test_signatures": Text("Z9 · signatures are those of the starter", "Z9 · 函数签名与起始代码一致"),
    "test_code_size": Text("Code size, compared with the reference", "代码量（与参考实现相比）"),
}
STATIC_TESTS = ("test_import_policy", "test_pseudocode", "test_signatures", "test_code_size")
FULL_SIZE, ZERO_SIZE = 1.25, 2.5  # times the reference's code: all points of the size, and none
LONGEST_LINE = 120
REQUIRED_POINTS = 100.0
TRIVIAL = 10.0  # points that may come of calling what must be called and answering trivially
BONUS_LIMIT = 20.0
DEVICES = ("cpu", "cuda")
NEEDS = ("model", "compiler")  # what a test may need besides: a real checkpoint, a C++ compiler
JUDGING = ("hidden_tests", "public_tests", "reference", "starter", "mutants", "kit")  # what a slot reads
# Folders beside a solution that are no part of it: tests, and what students are given.
NOT_GRADED = frozenset({"tests", "public_tests", "hidden_tests", "starter", "kit", "__pycache__"})


@dataclass(frozen=True, slots=True)
class Interface:
    """The public names a test may use: functions, and classes with their methods."""

    functions: tuple[str, ...]
    classes: Mapping[str, tuple[str, ...]]
    optional: frozenset[str]

    @property
    def names(self) -> tuple[str, ...]:
        """All public names, functions first."""
        return (*self.functions, *self.classes)

    @property
    def required(self) -> tuple[str, ...]:
        """The public names that are not bonus."""
        return tuple(name for name in self.names if name not in self.optional)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a solution may import and call, on top of the rules of the course."""

    imports: tuple[str, ...] = ()
    names: Mapping[str, tuple[str, ...]] | None = None
    banned: tuple[str, ...] = ()
    poison: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Published:
    """What a student's repository knows of the reference, which it does not have."""

    statements: int
    tokens: int
    signatures: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Exercise:
    """One exercise. `tests` is the table in report order, the shared tests last.

    `ancestors` are all exercises it builds on, directly or not, in teaching order. With `published` it is
    the part that students have: public tests and starter, kits as they come out.
    """

    name: str
    path: Path
    title: Text
    requires: tuple[str, ...]
    ancestors: tuple[Exercise, ...]
    preload: tuple[str, ...]
    limits: Limits
    interface: Interface
    policy: Policy
    tests: tuple[TestSpec, ...]
    published: Published | None = None

    def uses(self, need: str) -> bool:
        """Tell whether any test needs this."""
        return any(need in spec.needs for spec in self.tests)

    def test(self, name: str) -> TestSpec:
        """Return a row of the table. Raises KeyError."""
        return {spec.name: spec for spec in self.tests}[name]

    @property
    def module(self) -> str:
        """Dotted name of a student's solution of this exercise."""
        return f"exercises.{self.name}.solution"

    @property
    def solution_path(self) -> str:
        """Where the solution lies in a student's repository."""
        return f"exercises/{self.name}/solution.py"

    @property
    def pseudocode_path(self) -> str:
        """Where the pseudocode lies in a student's repository."""
        return f"exercises/{self.name}/PSEUDOCODE.md"

    def solution_files(self, source: str) -> dict[str, bytes]:
        """Make a submission of our own: a solution, the reference's pseudocode, the references upstream."""
        pseudocode = (self.path / "reference" / "PSEUDOCODE.md").read_bytes()
        return {
            **{a.solution_path: a.reference_source().encode() for a in self.ancestors},
            self.solution_path: source.encode(),
            self.pseudocode_path: pseudocode,
        }

    def answering(self) -> frozenset[str]:
        """Name the functions and methods that always return something, as the starter annotates them."""
        return _answering(self.starter_files()[self.solution_path].decode())

    def starter_files(self) -> dict[str, bytes]:
        """Return the starter as a submission, with the starters upstream."""
        starter = self.path / "starter"
        return {
            **{a.solution_path: (a.path / "starter" / "solution.py").read_bytes() for a in self.ancestors},
            self.solution_path: (starter / "solution.py").read_bytes(),
            self.pseudocode_path: (starter / "PSEUDOCODE.md").read_bytes(),
        }

    @property
    def kit_path(self) -> Path:
        """The published solution that students may build on once the next exercise is open."""
        return self.path / "kit" / "solution.py"

    def on_kits(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return a submission with everything upstream replaced by the published kits."""
        own = f"exercises/{self.name}/"
        mine = {path: content for path, content in files.items() if path.startswith(own)}
        return {**{a.solution_path: a.kit_path.read_bytes() for a in self.ancestors}, **mine}

    def reference_source(self) -> str:
        """Return the source of the reference solution."""
        return (self.path / "reference" / "solution.py").read_text(encoding="utf-8")

    def variant_sources(self) -> dict[str, str]:
        """Return the sources of the correct solutions written differently, by name."""
        return {name: source for name, source in self._variants().items() if not _is_library(source)}

    def library_sources(self) -> dict[str, str]:
        """Return the variants that say `policy: off`: libraries behind the exercise's interface."""
        return {name: source for name, source in self._variants().items() if _is_library(source)}

    def library_files(self, source: str) -> dict[str, bytes]:
        """Make a submission of a library, which stands on the libraries upstream where there are any."""
        below = {a.solution_path: s.encode() for a in self.ancestors for s in a.library_sources().values()}
        return {**self.solution_files(source), **below}

    def _variants(self) -> dict[str, str]:
        return _sources(self.path / "variants")

    def mutants(self) -> tuple[Mutant, ...]:
        """Read the known mistakes. Raises ContentError."""
        return tuple(read_mutant(p) for p in sorted((self.path / "mutants").glob("*.py")))

    def mutant_files(self, mutant: Mutant) -> dict[str, bytes]:
        """Return a submission that is the reference with this one mistake."""
        path = self.path / "mutants" / f"{mutant.name}.py"
        return self.solution_files(graft(self.reference_source(), mutant.source, path))

    def stub_sources(self) -> dict[str, str]:
        """Return the sources of the solutions that call what they must and answer trivially, by name."""
        return _sources(self.path / "stubs")

    def is_begun(self, endings: Iterable[Ending]) -> bool:
        """Say whether more is done than a stub could: till then the shared tests count nothing.

        Tests of form and side effects are passed most easily by code that does nothing. Where the
        exercise's own tests carry no points (a student's repository has public ones only), any of them
        that passes is enough.
        """
        found = {ending.name: ending for ending in endings}
        own = [spec for spec in self.tests if spec.name not in SHARED_TESTS]
        if any(spec.points for spec in own):
            return add_up(score_test(spec, found.get(spec.name)) for spec in own).total > TRIVIAL
        return any(spec.name in found and found[spec.name].fraction >= 1 for spec in own)

    def digest(self) -> str:
        """Digest all of this exercise that can change a result of it: not its points, not its READMEs."""
        rows = [replace(spec, points=0.0, bonus=False) for spec in self.tests]
        face = self.interface  # a set is shown in another order by every process
        names = (face.functions, face.classes, sorted(face.optional))
        digest = hashlib.sha256(repr((self.limits, names, self.policy, self.preload, rows)).encode())
        _add_files(digest, self._files(*JUDGING))
        return digest.hexdigest()

    def foundation(self) -> str:
        """Digest what of this exercise can change a result of one that builds on it: not its tests."""
        digest = hashlib.sha256(repr((self.requires, self.policy)).encode())
        _add_files(digest, self._files("reference", "kit"))
        return digest.hexdigest()

    def judging_files(self) -> Iterator[tuple[str, bytes]]:
        """Yield path in the folder and content of all that a slot reads."""
        yield "exercise.yaml", (self.path / "exercise.yaml").read_bytes()
        yield from self._files(*JUDGING)

    def _files(self, *folders: str) -> Iterator[tuple[str, bytes]]:
        for folder in folders:
            for path in sorted((self.path / folder).rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    yield path.relative_to(self.path).as_posix(), path.read_bytes()


def _answering(source: str) -> frozenset[str]:
    found = set[str]()
    for outer in ast.parse(source).body:
        for node in outer.body if isinstance(outer, ast.ClassDef) else [outer]:
            if isinstance(node, ast.FunctionDef) and node.returns is not None:
                told = ast.unparse(node.returns)
                if not any(word in told for word in ("None", "Optional", "Any", "object")):
                    names = ("forward", "__call__") if node.name == "forward" else (node.name,)
                    inside = f"{outer.name}." if isinstance(outer, ast.ClassDef) else ""
                    found.update(f"{inside}{name}" for name in names)
    return frozenset(found)


def _sources(folder: Path) -> dict[str, str]:
    return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.py"))}


def _add_files(digest: hashlib._Hash, files: Iterable[tuple[str, bytes]]) -> None:
    for name, content in files:
        digest.update(f"{name}\0{len(content)}\0".encode() + content)


def read_exercise(path: Path, builders: tuple[str, ...] = ()) -> Exercise:
    """Read exercises/NAME/exercise.yaml. Raises ContentError naming file and line.

    `builders` are the exercises for whose sake this one is read.
    """
    manifest = read_manifest(path / "exercise.yaml")
    manifest.allow_only(
        "title", "requires", "preload", "limits", "interface", "policy", "tests", "shared", "published"
    )
    interface = _read_interface(manifest)
    exercise = Exercise(
        name=path.name,
        path=path,
        title=manifest.text("title"),
        requires=manifest.names("requires"),
        ancestors=_read_ancestors(manifest, path, (*builders, path.name)),
        preload=manifest.words("preload"),
        limits=_read_limits(manifest.section("limits")),
        interface=interface,
        policy=_read_policy(manifest.section("policy")),
        tests=(*_read_tests(manifest), *_read_shared(manifest)),
        published=_read_published(manifest.section("published")),
    )
    if exercise.published is None:
        _check_points(manifest, exercise.tests)
    for folder in ("starter",) if exercise.published else ("reference", "starter"):
        for needed in (path / folder / "solution.py", path / folder / "PSEUDOCODE.md"):
            if not needed.is_file():
                raise ContentError(needed, "this file is missing")
    return exercise


def _read_published(section: Section | None) -> Published | None:
    if section is None:
        return None
    section.allow_only("statements", "tokens", "signatures")
    signatures = section.section("signatures")
    return Published(
        statements=section.whole("statements"),
        tokens=section.whole("tokens"),
        signatures={name: signatures.word(name) for name in signatures} if signatures else {},
    )


def _is_library(source: str) -> bool:
    return "policy: off" in (ast.get_docstring(ast.parse(source)) or "").splitlines()


def _read_ancestors(manifest: Section, path: Path, builders: tuple[str, ...]) -> tuple[Exercise, ...]:
    found: dict[str, Exercise] = {}
    for name in manifest.names("requires"):
        if name in builders:
            raise manifest.error(
                f"{' -> '.join((*builders, name))}: exercises build on each other", "requires"
            )
        if not (path.parent / name / "exercise.yaml").is_file():
            raise manifest.error(f"requires {name!r}, but there is no exercises/{name}", "requires")
        exercise = read_exercise(path.parent / name, builders)
        if not exercise.published and not exercise.kit_path.is_file():
            raise manifest.error(f"requires {name!r}, which has no kit/solution.py to build on", "requires")
        found |= {e.name: e for e in (*exercise.ancestors, exercise)}
    return tuple(found.values())


def _read_limits(section: Section | None) -> Limits:
    if section is None:
        return Limits()
    fields = Limits.__dataclass_fields__
    section.allow_only(*fields)
    for key in section:
        if section.number(key) <= 0:
            raise section.error(f"limit {key!r} must be more than zero", key)
    default = Limits()
    return Limits(
        cpu=section.number("cpu", default.cpu),
        wall=section.number("wall", default.wall),
        call=section.number("call", default.call),
        memory=section.whole("memory", default.memory),
        processes=section.whole("processes", default.processes),
        files=section.whole("files", default.files),
        scratch=section.whole("scratch", default.scratch),
        output=section.whole("output", default.output),
    )


def _read_interface(manifest: Section) -> Interface:
    section = manifest.section("interface")
    if section is None:
        raise manifest.error("'interface' is missing")
    section.allow_only("functions", "classes", "optional")
    classes = section.section("classes")
    interface = Interface(
        functions=section.names("functions"),
        classes={name: classes.names(name) for name in classes} if classes else {},
        optional=frozenset(section.words("optional")),
    )
    for name in interface.classes:
        if classes and not is_name(name):
            raise classes.error(f"{name!r} cannot be the name of a class", name)
    for name in interface.optional - set(interface.names):
        raise section.error(
            f"optional name {name!r} is neither a function nor a class of the interface", "optional"
        )
    return interface


def _read_policy(section: Section | None) -> Policy:
    if section is None:
        return Policy()
    section.allow_only("imports", "names", "banned", "poison")
    names = section.section("names")
    return Policy(
        imports=section.words("imports"),
        names={module: names.words(module) for module in names} if names else {},
        banned=section.words("banned"),
        poison=section.words("poison"),
    )


def _read_tests(manifest: Section) -> Iterable[TestSpec]:
    table = manifest.section("tests")
    if table is None:
        raise manifest.error("'tests' is missing")
    seen: set[str] = set()
    for name in table:
        if not (name.startswith("test_") and is_name(name)):
            raise table.error(f"{name!r}: a test is named by its function, test_...", name)
        row = table.section(name)
        assert row is not None
        row.allow_only(
            "points", "title", "hint", "bonus", "requires", "devices", "visibility", "fresh", "needs"
        )
        yield _read_test(name, row, seen)
        seen.add(name)


def _read_test(name: str, row: Section, earlier: set[str]) -> TestSpec:
    for required in row.words("requires"):
        if required not in earlier:
            raise row.error(
                f"{name} requires {required!r}, which is not an earlier row of the table", "requires"
            )
    for device in row.words("devices"):
        if device not in DEVICES:
            raise row.error(f"unknown device {device!r}; known: {', '.join(DEVICES)}", "devices")
    for need in row.words("needs"):
        if need not in NEEDS:
            raise row.error(f"unknown need {need!r}; known: {', '.join(NEEDS)}", "needs")
    visibility = row.word("visibility", "hidden")
    if visibility not in ("hidden", "public"):
        raise row.error("'visibility' must be hidden or public", "visibility")
    return TestSpec(
        name=name,
        points=row.number("points"),
        title=row.text("title"),
        bonus=row.flag("bonus"),
        requires=row.words("requires"),
        devices=row.words("devices"),
        public=visibility == "public",
        fresh=row.flag("fresh"),
        hint=row.text("hint", NO_TEXT),
        needs=row.words("needs"),
    )


def _read_shared(manifest: Section) -> Iterable[TestSpec]:
    section = manifest.section("shared")
    if section is None:
        return
    section.allow_only(*SHARED_TESTS)
    for name, title in SHARED_TESTS.items():
        if name in section:
            yield TestSpec(name=name, points=section.number(name), title=title)


def _check_points(manifest: Section, tests: Iterable[TestSpec]) -> None:
    tests = tuple(tests)
    required = round(sum(spec.points for spec in tests if not spec.bonus), 6)
    bonus = round(sum(spec.points for spec in tests if spec.bonus), 6)
    if required != REQUIRED_POINTS:
        raise manifest.error(
            f"the points of required tests sum to {required:g}, not to {REQUIRED_POINTS:g}", "tests"
        )
    if bonus > BONUS_LIMIT:
        raise manifest.error(f"bonus points sum to {bonus:g}, more than {BONUS_LIMIT:g}", "tests")
