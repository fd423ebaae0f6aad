"""Write the part of an exercise that students have: an allow-list, so that what is new stays hidden."""

from __future__ import annotations

import ast
import shutil
from collections.abc import Mapping
from pathlib import Path

from grader.errors import ContentError
from grader.exercise import Exercise, Published, read_exercise
from grader.kit import OF_SOURCE
from grader.manifest import Section, read_manifest, write_manifest

KEYS = ("title", "requires", "preload", "limits", "interface", "policy")
# What a public test may ask for: nothing that only the course has.
FIXTURES = frozenset({"student", "rng", "device", "expose"})
COMMENT = "Made by `grader handout`: what the public tests need. All tests and their points are in README.md."
_IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


def publish(exercise: Exercise, known: Published, folder: Path) -> Exercise:
    """Write the public part of an exercise into a new folder and read it back.

    `known` is what students may know of the reference. Raises ContentError where public tests need what
    students do not have.
    """
    folder.mkdir(parents=True)
    for name in ("README.md", "README.zh.md"):
        if not (exercise.path / name).is_file():
            raise ContentError(exercise.path / name, "this file is missing: students need it")
        shutil.copyfile(exercise.path / name, folder / name)
    for name in ("starter", "public_tests"):
        if (exercise.path / name).is_dir():
            shutil.copytree(exercise.path / name, folder / name, ignore=_IGNORED)
    shutil.copytree(exercise.path / "starter", folder, ignore=_IGNORED, dirs_exist_ok=True)
    for path in sorted((exercise.path / "public_tests").rglob("*.py")):
        _check_fixtures(path)
    manifest = read_manifest(exercise.path / "exercise.yaml")
    text = write_manifest(_manifest(manifest, known, exercise), COMMENT)
    (folder / "exercise.yaml").write_text(text, encoding="utf-8", newline="\n")
    return read_exercise(folder)


def publish_kit(exercise: Exercise, folder: Path) -> Path:
    """Copy an exercise's kit into its folder of a student's repository. Raises ContentError."""
    if not exercise.kit_path.is_file():
        raise ContentError(exercise.kit_path, "this file is missing: the exercise has no kit")
    target = folder / exercise.kit_path.relative_to(exercise.path)
    if not target.resolve().is_relative_to(folder.resolve()):
        raise ContentError(target, "leads out of the repository: a link is in the way")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(exercise.kit_path, target)
    return target


def _manifest(manifest: Section, known: Published, exercise: Exercise) -> Mapping[str, object]:
    table = manifest.section("tests")
    public = [spec.name for spec in exercise.tests if spec.public]
    shared = [spec.name for spec in exercise.tests if spec.name in OF_SOURCE]
    return {
        **{key: manifest.plain(key) for key in KEYS if key in manifest},
        "tests": {name: table.plain(name) for name in public if table},
        "shared": dict.fromkeys(shared, 0),
        "published": {
            "statements": known.statements,
            "tokens": known.tokens,
            "signatures": dict(known.signatures),
        },
    }


def _check_fixtures(path: Path) -> None:
    """Refuse a public test that asks for the reference, say."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            for argument in node.args.args:
                if argument.arg not in FIXTURES | _parameters(node):
                    problem = f"a public test cannot use {argument.arg!r}: students do not have it"
                    raise ContentError(path, problem, argument.lineno)


def _parameters(test: ast.FunctionDef) -> frozenset[str]:
    """Return the names that the test's parametrisations give values to."""
    found: set[str] = set()
    for mark in test.decorator_list:
        if isinstance(mark, ast.Call) and mark.args and ast.unparse(mark.func).endswith("parametrize"):
            names = ast.literal_eval(mark.args[0])
            found.update(names.replace(",", " ").split() if isinstance(names, str) else names)
    return frozenset(found)
