"""The course's rules at run time: library layers that refuse to run, banned functions that are noticed.

This is evidence against the careless, not proof: it lives in the process of the code it watches,
which could undo it. What a forger gains is answers of a library he may not use; the static policy
and a human reading are the other two layers.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from types import ModuleType
from typing import Any, NoReturn

import torch
from torch.overrides import TorchFunctionMode

# Kernels behind a public function, called directly; a trailing underscore stands for any ending.
_KERNELS = {
    "scaled_dot_product_attention": ("scaled_dot_product_", "flash_attention_", "efficient_attention_"),
    "rms_norm": ("fused_rms_norm",),
    "layer_norm": ("native_layer_norm",),
}


class PolicyViolation(Exception):  # noqa: N818  # students see this name
    """The code used something that this exercise does not allow."""


class Rules:
    """What this job forbids, and what of it was used. Catching the exception does not undo the record."""

    def __init__(self, poison: Iterable[str] = (), banned: Iterable[str] = ()) -> None:
        self._used: list[str] = []
        self._banned: dict[str, str] = {}  # last part of the name -> full name
        for name in poison:
            self._poison(name)
        for name in banned:
            self._ban(name)

    def take(self) -> list[str]:
        """Return what was used since the last time, and forget it."""
        used, self._used = list(dict.fromkeys(self._used))[:64], []
        return used

    def refuse(self, name: str) -> NoReturn:
        """Record the use of something and raise PolicyViolation."""
        self._used.append(name[:200])
        raise PolicyViolation(f"{name} is not allowed in this exercise")

    def watching(self) -> AbstractContextManager[object]:
        """Notice banned functions for as long as this context lasts."""
        return _Watch(self._banned, self.refuse) if self._banned else nullcontext()

    def _ban(self, name: str) -> None:
        if isinstance(_resolve(name), type):
            self._poison(name)
            return
        last = name.rpartition(".")[2]
        for part in (last, *_KERNELS.get(last, ())):
            self._banned[part] = name

    def _poison(self, name: str) -> None:
        target = _resolve(name)
        if isinstance(target, type):
            self._poison_class(target, name)
        elif isinstance(target, ModuleType):
            for loaded in [m for n, m in sys.modules.items() if n == name or n.startswith(f"{name}.")]:
                self._poison_module(loaded, name)
            sys.meta_path.insert(0, _OnImport(name, lambda module: self._poison_module(module, name)))

    def _poison_module(self, module: ModuleType, prefix: str) -> None:
        for value in list(vars(module).values()):
            if isinstance(value, type) and f"{value.__module__}.".startswith(f"{prefix}."):
                self._poison_class(value, f"{value.__module__}.{value.__qualname__}")

    def _poison_class(self, cls: type, name: str) -> None:
        def forward(*_: object, **__: object) -> NoReturn:
            self.refuse(name)

        if "forward" in vars(cls):
            type.__setattr__(cls, "forward", forward)


class _Watch(TorchFunctionMode):
    """See every torch function called in this thread, however it was reached (F., torch.ops, inside nn)."""

    def __init__(self, banned: dict[str, str], refuse: Callable[[str], NoReturn]) -> None:
        super().__init__()
        self._exact = banned
        self._prefixes = tuple(part for part in banned if part.endswith("_"))
        self._refuse = refuse

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  # whatever the torch function returns
        if torch.compiler.is_compiling():  # a capture would take what follows for part of the program
            return func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "").partition(".")[0].lstrip("_")  # "op.overload", "_private_kernel"
        if name in self._exact or name.startswith(self._prefixes):
            full = self._exact.get(name) or next(self._exact[p] for p in self._prefixes if name.startswith(p))
            self._refuse(full)
        return func(*args, **(kwargs or {}))


class _OnImport(importlib.abc.MetaPathFinder):
    """Act on every module below a package as soon as it has been imported."""

    def __init__(self, package: str, act: Callable[[ModuleType], None]) -> None:
        self._package, self._act = package, act

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find the module as usual, and add the action to its loading."""
        if not f"{fullname}.".startswith(f"{self._package}."):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            self._act(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _resolve(name: str) -> object:
    """Return what a dotted name means, or None where its package is not installed.

    Raises AttributeError for a name that its package does not have.
    """
    head, *rest = name.split(".")
    if importlib.util.find_spec(head) is None:
        return None
    target: object = importlib.import_module(head)
    for i, part in enumerate(rest, 2):
        try:
            target = getattr(target, part)
        except AttributeError:
            module = ".".join(name.split(".")[:i])
            try:
                target = importlib.import_module(module)
            except ImportError:
                raise AttributeError(f"no such thing: {name}") from None
    return target
