"""The course's rules at run time: library layers that refuse to run, banned functions that are noticed.

This is evidence against the careless, not proof: it lives in the process of the code it watches,
which could undo it. What a forger gains is answers of a library he may not use; the static policy
and a human reading are the other two layers.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Iterable, Sequence
from types import FunctionType, ModuleType, SimpleNamespace
from typing import Any, NoReturn

import torch

from grader.inside.hiding import opaque

# Kernels behind a public function, called directly; a trailing underscore stands for any ending.
_KERNELS = {
    "scaled_dot_product_attention": ("scaled_dot_product_", "flash_attention_", "efficient_attention_"),
    "multi_head_attention_forward": ("native_multi_head_attention", "transformer_encoder_layer_fwd"),
    "rms_norm": ("fused_rms_norm",),
    "layer_norm": ("native_layer_norm",),
}


class PolicyViolation(Exception):  # noqa: N818  # students see this name
    """The code used something that this exercise does not allow."""


class Rules:
    """What this job forbids, and what of it was used. Catching the exception does not undo the record."""

    def __init__(
        self, poison: Iterable[str] = (), banned: Iterable[str] = (), *, compiles: bool = True
    ) -> None:
        self._used: list[str] = []
        self._banned: dict[str, str] = {}  # last part of the name -> full name
        self._compiles = compiles
        self._kept: list[object] = []
        for name in poison:
            self._poison(name)
        for name in banned:
            self._ban(name)
        if self._banned:
            self._guard_functions()
            self._guard_operators()

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
        """Put guards in front of banned functions wherever Python can reach them: F., torch., inside nn.

        A look at every call of torch instead would cost as much as many a small operation.
        """
        bound = torch._C._VariableFunctions  # where `torch.` and `torch._VF.` have theirs from
        self._kept.append(bound)  # torch's C code uses it without holding it
        copied = SimpleNamespace(**{name: getattr(bound, name) for name in dir(bound) if name[:2] != "__"})
        self._guard_table(type(bound))
        torch._C._VariableFunctions = torch._VF.vf = copied  # type: ignore[assignment,attr-defined]
        for owner in (torch, torch.special, torch.nn.functional, torch._C._nn, copied, torch.Tensor):
            for attribute in dir(owner):
                full = self._full_name(attribute)
                if full is not None:
                    setattr(owner, attribute, self._guarded(getattr(owner, attribute), full))

    def _guard_table(self, cls: type) -> None:
        """Put guards into the table of a class written in C, to which a function's pickling leads."""
        table = gc.get_referents(vars(cls))[0]
        for attribute in list(table):
            full = self._full_name(attribute)
            if full is not None:
                table[attribute] = staticmethod(self._guarded(getattr(cls, attribute), full))
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(cls))

    def _guard_operators(self) -> None:
        """Put guards in front of what torch.ops calls, for what is in it already and what it will ask for."""
        for find in ("_jit_get_operation", "_get_operation_overload"):
            setattr(torch._C, find, self._finding(getattr(torch._C, find)))
        spaces = [
            vars(space) for space in vars(torch.ops).values() if isinstance(space, torch._ops._OpNamespace)
        ]
        for packet in [value for space in spaces for value in space.values()]:
            if isinstance(packet, torch._ops.OpOverloadPacket) and (full := self._full_name(packet.__name__)):
                known = [v for v in vars(packet).values() if isinstance(v, torch._ops.OpOverload)]
                operators: list[Any] = [packet, *known]
                for operator in operators:
                    operator._op = self._guarded(operator._op, full)

    def _finding(self, find: Callable[..., Any]) -> Callable[..., Any]:
        def found(name: str, *rest: object) -> Any:  # noqa: ANN401  # a tuple that begins with the operator, or None
            answer = find(name, *rest)
            full = self._full_name(name.rpartition("::")[2])
            if full is None or answer is None or answer[0] is None:
                return answer
            return self._guarded(answer[0], full), *answer[1:]

        return opaque(found)

    def _guarded(self, function: Callable[..., Any], full: str) -> Callable[..., Any]:
        refuse = self.refuse  # as it is now

        def guarded(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # whatever the torch function returns
            # A capture would take a refusal for part of the program.
            if self._compiles and torch.compiler.is_compiling():
                return function(*args, **kwargs)
            return refuse(full)

        return opaque(guarded)

    def _full_name(self, name: str) -> str | None:
        """Return what is banned under this name, if anything is."""
        name = name.partition(".")[0].lstrip("_")  # "op.overload", "_private_kernel"
        prefix = next((part for part in self._banned if part.endswith("_") and name.startswith(part)), "")
        return self._banned.get(name) or self._banned.get(prefix)

    def _poison(self, name: str) -> None:
        target = _resolve(name)
        if isinstance(target, type):
            self._poison_class(target, name)
        elif isinstance(target, dict):
            self._poison_table(target, name)
        elif isinstance(target, ModuleType):
            for loaded in [m for n, m in sys.modules.items() if n == name or n.startswith(f"{name}.")]:
                self._poison_module(loaded, name)
            act = opaque(lambda module: self._poison_module(module, name))
            sys.meta_path.insert(0, _OnImport(name, act))

    def _poison_module(self, module: ModuleType, prefix: str) -> None:
        for value in list(vars(module).values()):
            if isinstance(value, type) and f"{value.__module__}.".startswith(f"{prefix}."):
                self._poison_class(value, f"{value.__module__}.{value.__qualname__}")

    def _poison_class(self, cls: type, name: str) -> None:
        """Close a layer: all it does, its making included. What has no `forward` of its own is a base."""
        if "forward" not in vars(cls):
            return
        for attribute, value in list(vars(cls).items()):
            if isinstance(value, FunctionType | staticmethod | classmethod):
                type.__setattr__(cls, attribute, staticmethod(self._refusing(name)))

    def _poison_table(self, table: dict[Any, Any], name: str) -> None:
        """Close the functions in a table of the library's, in their own modules, too."""
        for key, function in list(table.items()):
            table[key] = self._refusing(name)
            module: Any = sys.modules.get(function.__module__)
            if module is not None and vars(module).get(function.__name__) is function:
                setattr(module, function.__name__, table[key])

    def _refusing(self, name: str) -> Callable[..., NoReturn]:
        def refusing(*_: object, **__: object) -> NoReturn:
            self.refuse(name)

        return opaque(refusing)


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
