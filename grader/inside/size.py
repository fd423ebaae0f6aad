"""Measure code size: statements and tokens of what does the work, and the longest line as written."""

from __future__ import annotations

import ast
import io
import re
import textwrap
import tokenize
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import TypedDict

from grader.inside.reading import BROKEN, children, nodes, split_lines

# A text counts as one token, up to so many characters; then one token more for every few characters, which is
# what code has. Text that is code counts as what it is, a docstring only if it is more than a formula.
FREE_TEXT, PER_TOKEN, _FORMULA = 80, 5, 30
_FREE_CODE = re.compile(r"[=(\n].*[\w)\]]", re.DOTALL)  # no name, no word
_COUNTED = (tokenize.NAME, tokenize.NUMBER, tokenize.STRING, tokenize.OP)
# What may be called where nothing counts: it looks at things and changes none.
_LOOKS = frozenset((
    "abs", "all", "allclose", "any", "bool", "callable", "dim", "equal", "float", "hasattr", "int",
    "is_complex", "is_contiguous", "is_floating_point", "is_tensor", "isfinite", "isinf", "isinstance",
    "isnan", "issubclass", "item", "items", "join", "keys", "len", "list", "max", "min", "numel",
    "range", "repr", "round", "set", "size", "sorted", "str", "stride", "sum", "tolist", "tuple",
    "type", "values", "zip",
))  # fmt: skip


class Size(TypedDict):
    """Size of a solution. `tokens` are names, numbers, strings and operators.

    The longest line, in characters, and where it stands: the file, and the number of the line from 1 on.
    """

    statements: int
    tokens: int
    longest_line: int
    longest_file: str
    longest_number: int


def measure(trees: Mapping[str, ast.Module], texts: Mapping[str, str]) -> Size:
    """Measure the files of one exercise, taking the trees apart.

    Docstrings, imports, annotations, asserts and `__repr__` do not count, nor does `pass`: unless they do
    some of the work. A docstring may, if it is a program, or if some of the code reads it.
    """
    statements = tokens = 0
    read = any(_reads_docstrings(node) for tree in trees.values() for node in nodes(tree))
    for tree in trees.values():
        _strip(tree, read)
        left = nodes(tree)
        texts_of_code = [code for n in left if (code := _code_in(n)) is not None]
        for part in (tree, *texts_of_code):
            statements += sum(isinstance(n, ast.stmt) and not isinstance(n, ast.Pass) for n in nodes(part))
            tokens += _count_tokens(part)
        tokens += sum(_beyond_one(n) for n in left if isinstance(n, ast.Constant))
    lines = ((len(line), f, n) for f, text in texts.items() for n, line in enumerate(split_lines(text), 1))
    longest, file, number = max(lines, key=lambda line: line[0], default=(0, "", 0))
    return Size(
        statements=statements,
        tokens=tokens,
        longest_line=longest,
        longest_file=file,
        longest_number=number,
    )


def _count_tokens(tree: ast.Module) -> int:
    """Count the tokens of the code printed in Python's own way, so that layout does not matter."""
    try:
        printed = io.StringIO(ast.unparse(tree)).readline
        return sum(token.type in _COUNTED for token in tokenize.generate_tokens(printed))
    except (*BROKEN, tokenize.TokenError):
        return len(nodes(tree))  # an odd source (a number of 5000 digits): near enough


def _reads_docstrings(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(attr="__doc__") | ast.Constant(value="__doc__") | ast.Name(id="__doc__"):
            return True
    return False


def _code_in(node: ast.AST) -> ast.Module | None:
    """Return the code that a text is, None where it is none worth the name."""
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str | bytes):
        return None
    text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
    if not _FREE_CODE.search(text):
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(textwrap.dedent(text).strip())
    except BROKEN:
        return None


def _beyond_one(constant: ast.Constant) -> int:
    """Return what a long constant that is no code counts beyond its one token."""
    value = constant.value
    if isinstance(value, int):
        length = value.bit_length() // 4
    else:
        length = len(value) if isinstance(value, str | bytes) and _code_in(constant) is None else 0
    return max(0, length - FREE_TEXT) // PER_TOKEN


def _strip(tree: ast.Module, read: bool) -> None:
    """Remove from a tree what is not counted. `read` says that docstrings are."""
    todo: list[ast.AST] = [tree]  # a list, not recursion: the source chooses the depth
    while todo:
        node = todo.pop()
        for name, value in ast.iter_fields(node):
            if isinstance(value, list):
                value[:] = [kept for part in value for kept in _bare(part, read)]
                if not value and name == "body":
                    value.append(ast.Pass())
            elif isinstance(value, ast.AST):
                setattr(node, name, next(iter(_bare(value, read)), None))
        todo.extend(children(node))


def _bare(part: object, read: bool) -> list[object]:
    """Return what remains of one child: nothing, itself, or something simpler."""
    match part:
        case ast.Import() | ast.ImportFrom() | ast.Pass():
            return []
        case ast.Assert() if _only_looks(part):
            return []
        case ast.Expr(value=ast.Constant(value=str()) as text) if not read and not _is_program(text):
            return []
        case ast.FunctionDef(name="__repr__") if _only_tells(part):
            return []
        case ast.AnnAssign(target=target, annotation=annotation, value=value) if _only_looks(annotation):
            return [ast.Assign([target], value, lineno=0)] if value is not None else []
        case ast.arg(annotation=ast.expr() as annotation) if _only_looks(annotation):
            part.annotation = None
        case ast.FunctionDef(returns=returns) | ast.AsyncFunctionDef(returns=returns):
            part.returns = None if returns is None or _only_looks(returns) else returns
        case ast.JoinedStr(values=values):
            # Python 3.12 splits f-strings into tokens, 3.11 does not: count what they compute, in both.
            said = "".join(str(v.value) for v in values if isinstance(v, ast.Constant))
            return [ast.Tuple([ast.Constant(f"f{said}"), *_computed(values)], ast.Load())]
    return [part]


def _computed(values: Iterable[ast.expr]) -> Iterator[ast.expr]:
    """Yield what an f-string computes, its formats included."""
    for value in values:
        if isinstance(value, ast.FormattedValue):
            yield value.value
            if isinstance(value.format_spec, ast.JoinedStr):
                yield from _computed(value.format_spec.values)


def _is_program(text: ast.Constant) -> bool:
    code = _code_in(text)
    return code is not None and _count_tokens(code) > _FORMULA


def _only_looks(node: ast.AST) -> bool:
    """Say whether evaluating this leaves everything as it was: it binds no name and calls what only looks."""
    for inner in nodes(node):
        if isinstance(inner, ast.NamedExpr | ast.Lambda) or (
            isinstance(getattr(inner, "ctx", None), ast.Store) and not isinstance(inner, ast.Name | ast.Tuple)
        ):
            return False
        if isinstance(inner, ast.keyword) and inner.arg == "key":
            return False
        if isinstance(inner, ast.Call):
            called = inner.func
            name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
            if name not in _LOOKS:
                return False
    return True


def _only_tells(function: ast.FunctionDef) -> bool:
    """Say whether a function does nothing but return a text."""
    *before, last = function.body
    texts = [s.value if isinstance(s, ast.Expr) else None for s in before]
    texts.append(last.value if isinstance(last, ast.Return) else None)
    return all(isinstance(t, ast.Constant | ast.JoinedStr) for t in texts) and _only_looks(function)
