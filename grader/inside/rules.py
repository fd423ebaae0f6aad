"""The course's rules at run time: library layers that refuse to run, banned functions that are noticed.

This is evidence against the careless, not proof: it lives in the process of the code it watches,
which could undo it. What a forger gains is answers of a library he may not use; the static policy
and a human reading are the other two layers.
"""

from __future__ import annotations

import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any, NoReturn

import torch

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
        if self._banned:
            self._guard_functions()

    def take(self) -> list[str]:
        """Return what was used since the last time, and forget it."""
        used, self._used = list(dict.fromkeys(self._used))[:64], []
        return used

    def refuse(self, name: str) -> NoReturn:
        """Record the use of something and raise PolicyViolation."""
        self._used.append(name[:200])
        raise PolicyViolation(f"{name} is not allowed in this exercise")

    def _ban(self, name: str) -> None:
        if isinstance(_resolve(name), type):
            self._poison(name)
            return
        last = name.rpartition(".")[2]
        for part in (last, *_KERNELS.get(last, ())):
            self._banned[part] = name

    def _guard_functions(self) -> None:
        """Put guards in front of banned functions wherever Python can reach them: F., torch.ops, inside nn.

        A look at every call of torch instead would cost as much as many a small operation.
        """
        for owner in (torch, torch.special, torch.nn.functional, torch._C._nn, torch.Tensor):
            for attribute in dir(owner):
                full = self._full_name(attribute)
                if full is not None:
                    setattr(owner, attribute, self._guarded(getattr(owner, attribute), lambda *_, f=full: f))
        for kind in (torch._ops.OpOverload, torch._ops.OpOverloadPacket):
            call = self._guarded(kind.__call__, lambda op, *_: self._full_name(op.__name__))
            kind.__call__ = call  # type: ignore[method-assign]

    def _guarded(
        self, function: Callable[..., Any], full_name: Callable[..., str | None]
    ) -> Callable[..., Any]:
        """Return the function, refused if `full_name(*args)` is one."""

        @functools.wraps(function)
        def guarded(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # whatever the torch function returns
            # A capture would take a refusal for part of the program.
            if not torch.compiler.is_compiling():
                full = full_name(*args)
                if full is not None:
                    self.refuse(full)
            return function(*args, **kwargs)

        return guarded

    def _full_name(self, name: str) -> str | None:
        """Return what is banned under this name, if anything is."""
        name = name.partition(".")[0].lstrip("_")  # "op.overload", "_private_kernel"
        prefix = next((part for part in self._banned if part.endswith("_") and name.startswith(part)), "")
        return self._banned.get(name) or self._banned.get(prefix)

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
