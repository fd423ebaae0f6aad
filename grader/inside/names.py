"""Names made at run time, held to the rules that are kept by names as they are written.

What the static check can only call odd, such as `getattr(torch, name)`, is judged here when it is done: a
submission's modules have a `getattr` and a `vars` of their own, which refuse what nobody may write.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Mapping
from types import ModuleType
from typing import NoReturn

import torch

from grader.inside.doors import Rules, is_internal
from grader.inside.hiding import opaque

_OWN = "exercises"


def held(
    rules: Rules, poison: Iterable[str], refuse: Callable[[str], NoReturn]
) -> dict[str, Callable[..., object]]:
    """Return functions for the modules of a submission that refuse what `rules` close."""
    closed = tuple(f"{prefix}." for prefix in poison)

    @opaque  # so that the two below, which torch's compiler looks into, lead to no rule
    def judge(owner: object, name: str, found: object) -> None:
        path = _path(owner, str.__str__(name))
        poisoned = f"{builtins.getattr(found, '__module__', '')}.".startswith(closed)
        if is_internal(name) or name == "__doc__" or (path and (poisoned or _refuses(rules, path))):
            refuse(path or name)

    def getattr(owner: object, name: str, *default: object) -> object:  # noqa: A001  # as Python calls it
        found = builtins.getattr(owner, name, *default)
        if not torch.compiler.is_compiling():
            judge(owner, name, found)
        return found

    def vars(*owner: object) -> Mapping[str, object]:  # noqa: A001
        if owner and not torch.compiler.is_compiling():
            judge(owner[0], "__dict__", None)
        return builtins.vars(*owner)

    own: dict[str, Callable[..., object]] = {"getattr": getattr, "vars": vars}
    if rules.compiles:  # torch's compiler looks into them
        return own
    return {name: opaque(function) for name, function in own.items()}


def _path(owner: object, name: str) -> str:
    """Return the full name of a library module's attribute; nothing for that of any other object."""
    if not isinstance(owner, ModuleType) or owner.__name__.partition(".")[0] == _OWN:
        return ""
    return f"{owner.__name__}.{name}"


def _refuses(rules: Rules, path: str) -> bool:
    module, _, name = path.rpartition(".")
    return not rules.is_module(module) or rules.refuses(module, name) or rules.is_banned(path)
