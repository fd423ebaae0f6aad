"""Find where code asks what kind of object it holds, instead of letting the object do its part.

An exercise on open/closed design may grade it. Behaviour is tested elsewhere, for such a question can
be asked in ways that no list has.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

from grader.inside.reading import Finding, finding, nodes

_QUESTIONS = frozenset({"isinstance", "issubclass", "hasattr"})


def find(file: str, tree: ast.Module) -> list[Finding]:
    """Return one finding for each question about an object's type or attributes, in order of lines.

    Questions are isinstance, issubclass, hasattr (called or not), type(...), getattr with a default,
    `__class__`, class patterns of `match`, and `except AttributeError`.
    """
    return [_report(file, line, name) for line, name in sorted(set(_questions(tree)))]


def _questions(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in nodes(tree):
        match node:
            case ast.Name(id=name) if name in _QUESTIONS:
                yield node.lineno, name
            case ast.Call(func=ast.Name(id="type")):
                yield node.lineno, "type(...)"
            case ast.Call(func=ast.Name(id="getattr"), args=[_, _, _]):
                yield node.lineno, "getattr with a default"
            case ast.Attribute(attr="__class__") | ast.Name(id="__class__"):
                yield node.lineno, "__class__"
            case ast.MatchClass():
                yield node.lineno, "match on a class"
            case ast.ExceptHandler(type=ast.expr() as caught) if _names_attribute_error(caught):
                yield node.lineno, "except AttributeError"


def _names_attribute_error(caught: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "AttributeError" for node in nodes(caught))


def _report(file: str, line: int, name: str) -> Finding:
    return finding(
        "branch", file, line,
        f"`{name}` asks what kind of object it is; call what the object offers instead",
        f"`{name}` 在询问对象是哪一种；请直接调用对象提供的方法",
    )  # fmt: skip
