"""Mutants: known mistakes, written as the few definitions that differ from the reference."""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from grader.errors import ContentError
from grader.job import Text

_NAMELESS = Path("mutant.py")
_KEY = re.compile(r"(en|zh|caught by):(?:\s+(.*)|$)")
_TEST = re.compile(r"test_\w+")

Function = ast.FunctionDef | ast.AsyncFunctionDef
Assignment = ast.Assign | ast.AnnAssign
Import = ast.Import | ast.ImportFrom


@dataclass(frozen=True, slots=True)
class Mutant:
    """One known mistake. `hint` is shown to a student who made it; `caught_by` names tests that notice."""

    name: str
    summary: str
    hint: Text
    caught_by: tuple[str, ...]
    source: str


def read_mutant(path: Path) -> Mutant:
    """Read mutants/NAME.py and the header in its docstring. Raises ContentError."""
    source = path.read_text(encoding="utf-8")
    tree = _parse(source, path)
    docstring = ast.get_docstring(tree)
    if not docstring:
        raise ContentError(path, "begins with a docstring: summary, en:, zh:, caught by:", 1)
    summary, parts = _header(docstring)
    for key, value in (("summary", summary), *((key, parts.get(key)) for key in ("en", "zh", "caught by"))):
        if not value:
            raise ContentError(path, f"the docstring has no {key!r} part", 1)
    tests = tuple(name for name in re.split(r"[,\s]+", parts["caught by"]) if name)
    for name in tests:
        if not _TEST.fullmatch(name):
            raise ContentError(path, f"caught by: {name!r} is not the name of a test", 1)
    return Mutant(path.stem, summary, Text(parts["en"], parts["zh"]), tests, source)


def graft(base: str, patch: str, path: Path = _NAMELESS) -> str:
    """Return the program `base` with the definitions in `patch` put in place of those of the same name.

    A function replaces the function (or is added), a class contributes the methods and attributes that it
    defines, a module-level assignment replaces that assignment, imports are added. Comments are lost.
    Raises ContentError, naming `path`, where a part of the patch is something else, changes nothing, or adds
    a name that nothing uses.
    """
    tree, parts = ast.parse(base), _parse(patch, path)
    added: list[tuple[str, int]] = []
    for statement in parts.body:
        if isinstance(statement, Import):
            tree.body.insert(first_line_of_code(tree), statement)
        elif isinstance(statement, Function | ast.ClassDef | Assignment):
            added += _put(tree.body, statement, path)
        elif not _is_text(statement):
            raise ContentError(
                path, "a mutant holds only definitions, assignments, imports", statement.lineno
            )
    _check_used(tree, base, added, path)
    return ast.unparse(tree) + "\n"


def _put(body: list[ast.stmt], new: ast.stmt, path: Path) -> list[tuple[str, int]]:
    """Put one definition into a body; return names and lines of what was not there before."""
    name = _name(new, path)
    index = next((i for i in range(len(body) - 1, -1, -1) if _binds(body[i], name)), None)
    if index is None:
        where = _first_definition(body) if isinstance(new, Assignment) else len(body)
        body.insert(where, new)
        return [(name, new.lineno)]
    old = body[index]
    if isinstance(new, ast.ClassDef) and isinstance(old, ast.ClassDef):
        added: list[tuple[str, int]] = []
        for member in new.body:
            if not _is_text(member):
                added += _put(old.body, member, path)
        return added
    if _meaning(old) == _meaning(new):
        raise ContentError(
            path, f"{name} is the same as in the reference: the mutant changes nothing", new.lineno
        )
    body[index] = new
    return []


def _check_used(tree: ast.Module, base: str, added: list[tuple[str, int]], path: Path) -> None:
    """Refuse a new name that nothing mentions: it is a misspelling, and the mutant would change nothing."""
    for name, line in added:
        if name.startswith("__") and name.endswith("__"):
            continue
        if name not in set(_mentioned(tree)):
            close = difflib.get_close_matches(name, sorted(set(_defined(ast.parse(base))) - {name}), n=1)
            meant = f"; did you mean {close[0]!r}?" if close else ""
            raise ContentError(path, f"{name} is not in the reference and nothing uses it{meant}", line)


def _parse(source: str, path: Path) -> ast.Module:
    try:
        return ast.parse(source)
    except SyntaxError as error:
        raise ContentError(path, f"syntax error: {error.msg}", error.lineno) from error


def _header(docstring: str) -> tuple[str, dict[str, str]]:
    """Split a docstring into its first line and its parts; a part goes on until the next begins."""
    summary, *lines = docstring.splitlines()
    parts: dict[str, list[str]] = {}
    key = ""
    for text in lines:
        if found := _KEY.match(text.strip()):
            key = found[1]
            parts[key] = [found[2] or ""]
        elif key:
            parts[key].append(text.strip())
    return summary.strip(), {key: " ".join(filter(None, texts)) for key, texts in parts.items()}


def _name(statement: ast.stmt, path: Path) -> str:
    match statement:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
    raise ContentError(path, "only functions, classes and `name = value` can be grafted", statement.lineno)


def _binds(statement: ast.stmt, name: str) -> bool:
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return statement.name == name
        case ast.Assign():
            return any(isinstance(target, ast.Name) and target.id == name for target in statement.targets)
        case ast.AnnAssign(target=ast.Name(id=found)):
            return found == name
    return False


def _is_text(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


def _meaning(statement: ast.stmt) -> str:
    """Return a definition in a form that ignores layout, comments and its docstring."""
    copy = ast.parse(ast.unparse(statement)).body[0]
    if isinstance(copy, Function) and _is_text(copy.body[0]) and len(copy.body) > 1:
        del copy.body[0]
    return ast.dump(copy)


def first_line_of_code(tree: ast.Module) -> int:
    """Return where imports may be added: after the docstring and `from __future__`."""
    index = 0
    for i, statement in enumerate(tree.body):
        future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        if future or (i == 0 and _is_text(statement)):
            index = i + 1
    return index


def _first_definition(body: list[ast.stmt]) -> int:
    return next((i for i, s in enumerate(body) if isinstance(s, Function | ast.ClassDef)), len(body))


def _mentioned(tree: ast.Module) -> Iterator[str]:
    """Yield names that are read, as variables or as attributes."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
