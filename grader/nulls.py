"""Null solutions: a solution that has every name right and does nothing. Each must lose points.

They are made from the reference: every public function and method still runs, so that shapes are
right, and its result is then replaced. A test that a null solution passes tests nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from grader.exercise import Exercise

# kind -> the expression that replaces a tensor; `first` is the first tensor argument, if any
_KINDS: Mapping[str, str] = {
    "zeros": "_torch.zeros_like(value)",
    "uninitialised": "_torch.empty_like(value)",
    "nan": "_torch.full_like(value, float('nan') if value.is_floating_point() else 0)",
    "constant": "_torch.full_like(value, 1)",
    "identity": "value if first is None else first.clone()",
    "input-returned": "value if first is None else first",
}

_PRELUDE = """
import torch as _torch


def _null(value, args):
    first = next((a for a in args if type(a) is _torch.Tensor), None)
    if isinstance(value, _torch.Tensor):
        return {expression}
    if isinstance(value, bool | int | float | str):
        return type(value)()
    if isinstance(value, list | tuple):
        return type(value)(_null(item, args) for item in value)
    return value


def _nulled(function):
    def null(*args, **kwargs):
        return _null(function(*args, **kwargs), args)

    return null

"""


def null_sources(exercise: Exercise) -> dict[str, str]:
    """Return the sources of the exercise's null solutions by kind."""
    lines = []
    for name in exercise.interface.functions:
        lines.append(f"{name} = _nulled({name})")
    reference = exercise.reference_source()
    own = _own_methods(reference)
    for name, methods in exercise.interface.classes.items():
        if name not in own:
            continue  # an upstream class, handed on
        inner = {"forward" if m == "__call__" and "forward" in own[name] else m for m in methods}
        lines += [f"{name}.{m} = _nulled({name}.{m})" for m in sorted(inner & own[name])]
    body = "\n".join(lines) + "\n"
    return {kind: reference + _PRELUDE.format(expression=e) + body for kind, e in _KINDS.items()}


def _own_methods(source: str) -> Mapping[str, frozenset[str]]:
    """Return what each class of a program defines itself; asking it at run time is against the policy."""
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    return {c.name: frozenset(m.name for m in c.body if isinstance(m, ast.FunctionDef)) for c in classes}
