"""What a call did besides returning: changed its inputs, drew from the global generators, wrote files.

Evidence, not proof: it is gathered in the process of the code it observes.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import random
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from grader.inside.values import storage_bytes
from grader.inside.wire import Evidence

MAX_FILES = 4096
MAX_REPORTED = 32


class Observation:
    """The state before a call, to be compared with the state after it."""

    def __init__(
        self,
        target: Callable[..., object],
        args: tuple[object, ...],
        kwargs: dict[str, object],
        folders: Sequence[str],
    ) -> None:
        self._named = _named(target, args, kwargs)
        self._folders = folders
        self._inputs = self._fingerprint()
        self._rng = _rng_state()
        self._files = _files(folders)

    def compare(self) -> Evidence:
        """Say what is different now."""
        rng_changed = _rng_state() != self._rng
        now = self._fingerprint()
        changed = [path for path, mark in self._inputs.items() if now.get(path) != mark]
        files = _files(self._folders)
        new = sorted(path for path, mark in files.items() if self._files.get(path) != mark)
        return Evidence(
            [path[:200] for path in changed[:MAX_REPORTED]],
            rng_changed,
            [os.fsencode(path[:200]).decode("utf-8", "replace") for path in new[:MAX_REPORTED]],
        )

    def _fingerprint(self) -> dict[str, object]:
        return {path: mark for name, value in self._named.items() for path, mark in _marks(value, name, 0)}


def _named(
    target: Callable[..., object], args: tuple[object, ...], kwargs: dict[str, object]
) -> dict[str, object]:
    """Name the arguments as the student's signature does, where it can be read."""
    try:
        return dict(inspect.signature(target).bind(*args, **kwargs).arguments)
    except Exception:  # a signature may be anything the student made it
        return {**{f"args[{i}]": value for i, value in enumerate(args)}, **kwargs}


def _marks(value: object, path: str, depth: int) -> Iterator[tuple[str, object]]:
    """Yield (path, something that changes when the value does) for a value and all it holds."""
    kind = type(value)
    if depth > 64:
        return
    if kind is torch.Tensor:
        yield path, _tensor_mark(value)  # type: ignore[arg-type]
    elif kind in (list, tuple):
        yield path, (kind, len(value))  # type: ignore[arg-type]
        for i, item in enumerate(value):  # type: ignore[arg-type, var-annotated]
            yield from _marks(item, f"{path}[{i}]", depth + 1)
    elif kind is dict:
        yield path, (kind, list(value))  # type: ignore[call-overload]
        for key, item in value.items():  # type: ignore[attr-defined]
            yield from _marks(item, f"{path}[{key!r}]", depth + 1)
    elif kind in (type(None), bool, int, float, str, bytes):
        yield path, (kind, repr(value))


def _tensor_mark(tensor: torch.Tensor) -> object:
    try:
        data = hashlib.blake2b(storage_bytes(tensor.detach())).digest()
        return tensor.dtype, tensor.shape, tensor.stride(), tensor.storage_offset(), data
    except Exception:  # it is no longer the plain tensor it was
        return "changed beyond reading"


def _rng_state() -> tuple[object, ...]:
    name, key, *rest = np.random.get_state()  # the global generator is what is watched
    legacy = (name, np.asarray(key).tobytes(), *rest)  # printed, the key's 624 numbers take a millisecond
    states: list[object] = [torch.get_rng_state().numpy().tobytes(), random.getstate(), legacy]
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        states += [state.numpy().tobytes() for state in torch.cuda.get_rng_state_all()]
    return tuple(states)


def _files(folders: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Map the files below the folders to (size, time of change); at most MAX_FILES of them."""
    found: dict[str, tuple[int, int]] = {}
    for folder in folders:
        for here, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(here, name)  # noqa: PTH118  # walked as str, names may be odd
                if len(found) >= MAX_FILES:
                    return found
                try:
                    stat = os.lstat(path)
                except OSError:
                    continue
                found[path] = (stat.st_size, stat.st_mtime_ns)
    return found
