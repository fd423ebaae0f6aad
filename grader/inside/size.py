"""Measure code size: statements and tokens of what does the work, and the longest line as written."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterable, Mapping
from typing import TypedDict

from grader.inside.reading import BROKEN, split_lines

_COUNTED = (tokenize.NAME, tokenize.NUMBER, tokenize.STRING, tokenize.OP)


class Size(TypedDict):
    """Size of a solution. `tokens` are names, numbers, strings and operators."""

    statements: int
    tokens: int
    longest_line: int


def measure(trees: Mapping[str, ast.Module], texts: Iterable[str]) -> Size:
    """Measure the files of one exercise, taking the trees apart.

    Docstrings, imports, annotations, asserts and `__repr__` do not count, nor does `pass`.
    """
    statements = tokens = 0
    for tree in trees.values():
        _strip(tree)
        statements += sum(isinstance(n, ast.stmt) and not isinstance(n, ast.Pass) for n in ast.walk(tree))
        tokens += _count_tokens(tree)
    longest = max((len(line) for text in texts for line in split_lines(text)), default=0)
    return Size(statements=statements, tokens=tokens, longest_line=longest)


def _count_tokens(tree: ast.Module) -> int:
    """Count the tokens of the code printed in Python's own way, so that layout does not matter."""
    try:
        printed = io.StringIO(ast.unparse(tree)).readline
        return sum(token.type in _COUNTED for token in tokenize.generate_tokens(printed))
    except (*BROKEN, tokenize.TokenError):
        return sum(1 for _ in ast.walk(tree))  # an odd source (a number of 5000 digits): near enough


def _strip(tree: ast.Module) -> None:
    """Remove from a tree what is not counted."""
    todo: list[ast.AST] = [tree]  # a list, not recursion: the source chooses the depth
    while todo:
        node = todo.pop()
        for name, value in ast.iter_fields(node):
            if isinstance(value, list):
                value[:] = [kept for part in value for kept in _bare(part)]
                if not value and name == "body":
                    value.append(ast.Pass())
            elif isinstance(value, ast.AST):
                setattr(node, name, next(iter(_bare(value)), None))
        todo.extend(ast.iter_child_nodes(node))


def _bare(part: object) -> list[object]:
    """Return what remains of one child: nothing, itself, or something simpler."""
    match part:
        case ast.Import() | ast.ImportFrom() | ast.Assert() | ast.Pass():
            return []
        case ast.Expr(value=ast.Constant(value=str())) | ast.FunctionDef(name="__repr__"):
            return []
        case ast.AnnAssign(target=target, value=value):
            return [ast.Assign([target], value, lineno=0)] if value is not None else []
        case ast.arg():
            part.annotation = None
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            part.returns = None
        case ast.JoinedStr(values=values):
            # Python 3.12 splits f-strings into tokens, 3.11 does not: count what they compute, in both.
            computed = [v.value for v in values if isinstance(v, ast.FormattedValue)]
            return [ast.Tuple([ast.Constant("f"), *computed], ast.Load())]
    return [part]
