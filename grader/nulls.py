"""Null solutions: a solution that has every name right and does nothing. None may earn more than `TRIVIAL`.

They are made from the reference: every public function and method still runs, on copies, so that shapes are
right and what must be called is called, and its result is then replaced. What cannot be made so, a trivial
idea that fits one exercise, is written by hand: `stubs/*.py` of the exercise. Where only the
bonus names are spoilt, no point but the bonus may be lost.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from grader.exercise import Exercise

_FIRST = "value if first is None else first"
# kind -> the expression that replaces a tensor; `first` is the first tensor argument, if any
_TENSORS: Mapping[str, str] = {
    "zeros": "_torch.zeros_like(value)",
    "uninitialised": "_torch.empty_like(value)",
    "nan": "_torch.full_like(value, float('nan') if value.is_floating_point() else 0)",
    "constant": "_torch.full_like(value, 1)",
    "identity": "value if first is None else first.clone()",
    "input-returned": _FIRST,
    "uniform": "_torch.rand_like(value) if value.is_floating_point() else _torch.randint_like(value, 2)",
}
# kind -> the expression that replaces an answer of any kind
_ANSWERS: Mapping[str, str] = {
    **dict.fromkeys(_TENSORS, "_null(answer, args)"),
    "first-argument": "args[0] if args and type(args[0]) is type(answer) else _null(answer, args)",
    "none": "None",
}

_PRELUDE = """
import copy as _copy

import torch as _torch


def _null(value, args):
    first = next((a for a in args if type(a) is _torch.Tensor), None)
    if isinstance(value, _torch.Tensor):
        return {tensor}
    if isinstance(value, bool | int | float | str):
        return type(value)()
    if isinstance(value, list | tuple):
        return type(value)(_null(item, args) for item in value)
    return value


def _apart(value):
    if callable(value) and not isinstance(value, _torch.nn.Module):
        return value  # what must be called
    try:
        return _copy.deepcopy(value)
    except Exception:
        return value


def _nulled(function):
    def null(*args, **kwargs):
        answer = function(*map(_apart, args), **kwargs)
        return {answer}

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
    return {
        kind: reference + _PRELUDE.format(tensor=_TENSORS.get(kind, _FIRST), answer=answer) + body
        for kind, answer in _ANSWERS.items()
    }


_SPOIL = """
import torch as _torch


def _spoil(name):
    def spoilt(*args, **kwargs):
        print(f"{name} is spoilt, draws at random and changes what it is given", _torch.rand(1))
        for argument in args:
            try:
                argument.zero_()
            except Exception:  # no tensor; rope forbids naming AttributeError here
                pass

    return spoilt

"""


def spoilt_bonus(exercise: Exercise) -> str | None:
    """Return the reference with all bonus names doing everything wrong; itself it goes on using its own."""
    optional = exercise.interface.optional
    if not optional:
        return None
    tree = ast.parse(exercise.reference_source())
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in optional:
            node.id = f"_{node.id}"
        elif isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name in optional:
            node.name = f"_{node.name}"
    lines = (f"{name} = _spoil({name!r})\n" for name in sorted(optional))
    return ast.unparse(tree) + _SPOIL + "".join(lines)


def _own_methods(source: str) -> Mapping[str, frozenset[str]]:
    """Return what each class of a program defines itself; asking it at run time is against the policy."""
    classes = [node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    return {c.name: frozenset(m.name for m in c.body if isinstance(m, ast.FunctionDef)) for c in classes}
