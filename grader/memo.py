"""Oracles worked out once per slot: every submission of a run gets the same inputs.

What is remembered never leaves this process but as the answer to the same arguments. Where these come from a
student's code (what it feeds a model that is lent to it), all it can learn is that somebody asked before.
"""

from __future__ import annotations

import copy
import functools
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from types import NoneType
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast

if TYPE_CHECKING:
    import torch

_PLAIN = frozenset({int, float, bool, str, bytes, NoneType})
MOST_BYTES = 64 << 20  # of tensors, kept for one function
P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Aside(Generic[T]):
    """An argument that, beside the others, cannot change the answer: it tells no calls apart."""

    value: T


def remembered(function: Callable[P, R]) -> Callable[P, R]:
    """Return the function with its answers kept for arguments that are equal.

    Tensors are equal in dtype, shape and every bit; plain data by value; a model, a module or any other
    object only to itself. Whoever asks gets a copy, so that changing it changes nobody else's.
    """
    kept: OrderedDict[Hashable, tuple[R, int]] = OrderedDict()  # oldest first
    total = 0

    @functools.wraps(function)
    def remember(*args: P.args, **kwargs: P.kwargs) -> R:
        nonlocal total
        key = _key((args, kwargs))
        if key not in kept:
            answer = function(*args, **kwargs)
            kept[key] = answer, _bytes(answer)
            total += kept[key][1]
            while total > MOST_BYTES and len(kept) > 1:
                total -= kept.popitem(last=False)[1][1]
        kept.move_to_end(key)
        answer = kept[key][0]
        return cast("R", _copy(answer))

    return remember


def fingerprint(value: object) -> bytes:
    """Return 32 bytes that tell tensors, plain data and lists, tuples and dicts of them apart.

    It stands for a long history among the arguments of a remembered function. Raises TypeError for others.
    """
    return hashlib.blake2b(_words(_key(value)).encode(), digest_size=32).digest()


def _words(key: Hashable) -> str:
    import torch

    if isinstance(key, tuple):
        return f"({','.join(map(_words, key))})"
    if isinstance(key, type):
        return key.__qualname__
    if type(key) not in _PLAIN and not isinstance(key, torch.dtype):
        raise TypeError(f"no fingerprint of {type(key).__qualname__} can be taken")
    return repr(key)


def _copy(value: Any) -> Any:  # noqa: ANN401
    """Copy deeply, what answers mostly are made of faster than `deepcopy` does."""
    import torch

    kind = type(value)
    if kind is torch.Tensor and not value.requires_grad and value.is_contiguous():
        return value.clone()
    if kind is list or kind is tuple:
        return kind(map(_copy, value))
    if kind is dict:
        return {key: _copy(item) for key, item in value.items()}
    return value if kind in _PLAIN else copy.deepcopy(value)


def _key(value: Any) -> Hashable:  # noqa: ANN401
    """Return what is equal for equal values only; it keeps alive what is equal only to itself."""
    import torch

    if isinstance(value, torch.Tensor):
        return "tensor", value.dtype, tuple(value.shape), _digest(value)
    if isinstance(value, Aside):
        return Aside
    if isinstance(value, list | tuple):
        return type(value), tuple(map(_key, value))
    if isinstance(value, dict):
        return dict, tuple((key, _key(item)) for key, item in value.items())
    return type(value), value


def _digest(tensor: torch.Tensor) -> bytes:
    import torch

    plain = tensor.detach().cpu().contiguous().flatten()
    return hashlib.blake2b(plain.view(torch.uint8).numpy().data, digest_size=32).digest()


def _bytes(value: object) -> int:
    """Return how many bytes the tensors of a value take, those of plain objects included."""
    import torch

    if isinstance(value, torch.Tensor):
        return value.nbytes
    if isinstance(value, list | tuple):
        return sum(map(_bytes, value))
    parts = value if isinstance(value, dict) else getattr(value, "__dict__", {})
    return sum(map(_bytes, parts.values()))
