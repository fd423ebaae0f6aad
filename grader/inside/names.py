"""Names made at run time, held to the rules that are kept by names as they are written.

What the static check can only call odd, such as `getattr(torch, name)`, is judged here when it is done: a
submission's modules have a `getattr` and a `vars` of their own, which refuse what nobody may write.
"""

from __future__ import annotations

import builtins
import importlib.abc
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NoReturn

import torch

from grader.inside.doors import Rules, is_internal

_OWN = "exercises"


def hold(rules: Rules, poison: Iterable[str], refuse: Callable[[str], NoReturn]) -> None:
    """Give the modules of a submission, imported from now on, functions that refuse what `rules` close."""
    closed = tuple(f"{prefix}." for prefix in poison)

    def getattr(owner: object, name: str, *default: object) -> object:  # noqa: A001  # as Python calls it
        found = builtins.getattr(owner, name, *default)
        if not torch.compiler.is_compiling():
            path = _path(owner, str.__str__(name))
            poisoned = f"{builtins.getattr(found, '__module__', '')}.".startswith(closed)
            if is_internal(name) or name == "__doc__" or (path and (poisoned or _refuses(rules, path))):
                refuse(path or name)
        return found

    def vars(*owner: object) -> Mapping[str, object]:  # noqa: A001
        if owner and _path(owner[0], "__dict__"):
            refuse(_path(owner[0], "__dict__"))
        return builtins.vars(*owner)

    sys.meta_path.insert(0, _Preparing({"getattr": getattr, "vars": vars}))


def _path(owner: object, name: str) -> str:
    """Return the full name of a library module's attribute; nothing for that of any other object."""
    if not isinstance(owner, ModuleType) or owner.__name__.partition(".")[0] == _OWN:
        return ""
    return f"{owner.__name__}.{name}"


def _refuses(rules: Rules, path: str) -> bool:
    module, _, name = path.rpartition(".")
    return not rules.is_module(module) or rules.refuses(module, name) or rules.is_banned(path)


class _Preparing(importlib.abc.MetaPathFinder):
    """Finds a submission's modules as whoever comes later does, and puts names into them first."""

    def __init__(self, names: Mapping[str, object]) -> None:
        self._names = names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the module, and have it loaded with the names in it."""
        if fullname.partition(".")[0] != _OWN:
            return None
        others = sys.meta_path[sys.meta_path.index(self) + 1 :]
        spec = next((s for f in others if (s := f.find_spec(fullname, path, target)) is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = _Prepared(spec.loader, self._names)
        return spec


class _Prepared(importlib.abc.Loader):
    def __init__(self, loader: Any, names: Mapping[str, object]) -> None:  # noqa: ANN401  # whatever finds modules
        self._loader, self._names = loader, names

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401  # the source, for a traceback
        return builtins.getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leave it to the loader."""
        return self._loader.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        """Put the names in, then run the module."""
        builtins.vars(module).update(self._names)
        self._loader.exec_module(module)
