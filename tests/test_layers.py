"""Imports go down only, and each third-party package has one owner."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "grader"
LAYERS = [
    {"__main__"},
    {"cli"},
    {"handout", "publish", "diff"},
    {"run", "check", "merge"},
    {"reports", "plan"},
    {"verify", "feedback", "doctor"},
    {"cluster"},
    {"schedule"},
    {"bundle"},
    {"slot", "store", "spool", "refusal"},
    {"plugin", "nulls", "kit", "shared_tests"},
    {"timing"},
    {"candidate", "diagnosis"},
    {"verdict"},
    {"trial"},
    {"remote"},
    {"git"},
    {"wall", "submission", "inspection", "faults", "lock"},
    {"course"},
    {"exercise", "targets"},
    {"manifest", "transplant", "checks", "rng", "memo"},
    {"graft", "explain", "likeness", "sanitise", "checkpoint"},
    {"job", "errors", "__init__"},
]
OWNERS = {
    "click": {"cli"},
    "distributed": {"cluster"},
    "httpx2": {"publish"},
    "stamina": {"publish"},
    "yaml": {"manifest"},
    "junitparser": {"reports"},
    "rich": {"reports"},
    "sqlite3": {"store"},
    "pytest": {"plugin", "slot"},
}
FILES = sorted(p for p in ROOT.rglob("*.py"))


def part(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.update({f"{node.module}.{alias.name}" for alias in node.names})
    return names


def rank(name: str) -> int:
    return next(i for i, layer in enumerate(LAYERS) if name in layer)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_go_down_only(path):
    for name in imports(path):
        pieces = [*name.split("."), "__init__"]
        if pieces[0] != "grader":
            continue
        known = (ROOT / pieces[1]).is_dir() or (ROOT / f"{pieces[1]}.py").is_file()
        target = pieces[1] if known else "__init__"
        if part(path) == "inside":
            assert target == "inside", f"{path} runs beyond the wall and imports {name}"
        elif target == "inside" and part(path) != "inside":
            assert part(path) in ("remote", "wall", "handout"), f"{path} must not import {name}"
        elif target != part(path):
            assert rank(part(path)) < rank(target), f"{path} imports {name}, which is not below it"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_each_package_has_one_owner(path):
    for name in imports(path):
        top = name.split(".")[0]
        assert part(path) in OWNERS.get(top, {part(path)}), f"{path} imports {top}"


GRADING = {"inside", "wall", "remote", "slot", "schedule", "plugin", "candidate", "timing", "diagnosis"}


@pytest.mark.parametrize(
    "path", [p for p in FILES if part(p) in GRADING], ids=lambda p: str(p.relative_to(ROOT))
)
def test_no_limit_and_no_verdict_hangs_on_a_clock_that_can_be_set(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute | ast.Name)}
    assert not used & {"time.time", "time.time_ns", "datetime", "time.localtime", "time.gmtime", "time.ctime"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_nothing_ours_unpickles_or_evaluates(path):
    forbidden = {"pickle", "marshal", "shelve", "dill", "cloudpickle"}
    assert not {name.split(".")[0] for name in imports(path)} & forbidden
