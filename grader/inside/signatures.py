"""Read signatures and "is it written yet" from source. Annotations do not count, names and defaults do."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator, Mapping

from grader.inside.reading import BROKEN
from grader.inside.scopes import (
    Definition,
    Function,
    Program,
    Scope,
    TooIndirectError,
    own_statements,
)

_SPECIAL = frozenset({"__init__", "__call__", "__len__"})
_LONGEST = 500  # characters of one signature
_MOST = 100  # methods of one class
_BASES = 8  # classes up from the one asked for


def read(program: Program, module: str, public: Iterable[str]) -> dict[str, str]:
    """Return signatures such as "(x, y=1, *, z)" of the public functions and of the classes' methods.

    Methods stand under "Class.method": public ones, `__init__`, `__call__` and `__len__`, inherited ones too
    where the base class is the student's. A class stands under its own name with an empty text.
    """
    found: dict[str, str] = {}
    for name, definition, scope in _definitions(program, module, public):
        if isinstance(definition, Function):
            found[name] = signature(definition)
            continue
        found[name] = ""
        for method in _methods(program, definition, scope)[:_MOST]:
            found.setdefault(f"{name}.{method.name}", signature(method))
    return found


def implemented(
    program: Program, module: str, public: Iterable[str], methods: Mapping[str, Collection[str]]
) -> list[str]:
    """Return the public names that exist and do not raise NotImplementedError.

    Of a class only the methods named in `methods` and its `__init__` are asked, all where it is not there.
    """
    names = []
    for name, definition, _ in _definitions(program, module, public):
        if isinstance(definition, Function):
            functions = [definition]
        else:
            last = {f.name: f for f in _functions(definition)}  # the others are not reached
            functions = [last[n] for n in last if n in {"__init__", *methods.get(name, last)}]
        if not any(_is_stub(function) for function in functions):
            names.append(name)
    return names


def signature(function: Function) -> str:
    """Print a function's parameters without annotations."""
    arguments = function.args
    bare = ast.arguments(
        posonlyargs=[ast.arg(a.arg) for a in arguments.posonlyargs],
        args=[ast.arg(a.arg) for a in arguments.args],
        vararg=ast.arg(arguments.vararg.arg) if arguments.vararg else None,
        kwonlyargs=[ast.arg(a.arg) for a in arguments.kwonlyargs],
        kw_defaults=arguments.kw_defaults,
        kwarg=ast.arg(arguments.kwarg.arg) if arguments.kwarg else None,
        defaults=arguments.defaults,
    )
    try:
        return f"({ast.unparse(bare)})"[:_LONGEST]
    except BROKEN:
        return "(?)"


def _definitions(
    program: Program, module: str, public: Iterable[str]
) -> Iterator[tuple[str, Definition, Scope]]:
    for name in public:
        try:
            found = program.definition(f"{module}.{name}")
        except TooIndirectError:
            continue
        if found and _package(found[1].module) == _package(module):  # not handed on from an earlier exercise
            yield name, *found


def _package(module: str) -> str:
    return ".".join(module.split(".")[:2])


def _functions(definition: ast.ClassDef) -> list[Function]:
    return [node for node in definition.body if isinstance(node, Function)]


def _methods(program: Program, definition: ast.ClassDef, scope: Scope) -> list[Function]:
    """Return a class's public methods, its own before inherited ones."""
    methods: list[Function] = []
    todo, seen = [(definition, scope)], 0
    while todo and seen < _BASES:
        seen += 1
        current, where = todo.pop(0)
        methods += [f for f in _functions(current) if f.name in _SPECIAL or not f.name.startswith("_")]
        for base in current.bases:
            found = _base(program, base, where)
            if found and isinstance(found[0], ast.ClassDef):
                todo.append((found[0], found[1]))
    return methods


def _base(program: Program, base: ast.expr, scope: Scope) -> tuple[Definition, Scope] | None:
    try:
        paths = program.resolve(base, scope) or [f"{scope.module}.{ast.unparse(base)}"]
        return next((found for path in paths if (found := program.definition(path))), None)
    except (TooIndirectError, *BROKEN):
        return None


def _is_stub(function: Function) -> bool:
    """Say whether a function raises NotImplementedError before anything could have been returned."""
    for statement in function.body:
        if any(isinstance(s, ast.Return) for s in own_statements([statement])):
            return False
        if isinstance(statement, ast.Raise) and statement.exc is not None:
            raised = statement.exc.func if isinstance(statement.exc, ast.Call) else statement.exc
            if isinstance(raised, ast.Name) and raised.id == "NotImplementedError":
                return True
    return False
