"""The memory of an object's tensors, as it lay when the judge first asked for it.

The object is not asked: none of its methods runs. Storages are kept, not tensors, which can be given
another storage. It is read by the process that it is about: evidence, not proof.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, MethodType, ModuleType

import torch

from grader.inside.values import DTYPE_NAMES

MOST_OBJECTS = 100_000
# A class or a function leads to everything there is; what an object holds, it holds as data.
_DEAD_ENDS = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType, CodeType, FrameType)


class Held:
    """The storages that an object reaches now, each once, whatever becomes of its tensors."""

    def __init__(self, owner: object) -> None:
        pieces: dict[tuple[str, int], tuple[torch.UntypedStorage, torch.dtype]] = {}
        with torch._C.DisableTorchFunctionSubclass():
            for tensor in _tensors(owner):
                if tensor.layout is torch.strided and tensor.device.type in ("cpu", "cuda"):
                    storage = tensor.untyped_storage()
                    place = str(storage.device), storage.data_ptr()
                    if storage.nbytes() and tensor.dtype in DTYPE_NAMES:
                        pieces.setdefault(place, (storage, tensor.dtype))
        self._pieces = [(*piece, place[1], piece[0].nbytes()) for place, piece in pieces.items()]

    def read(self) -> list[torch.Tensor | None]:
        """Return the contents of each [n], or None where one has been moved or resized."""
        # Copies: a storage that NumPy has been shown can be resized no more.
        return [None if flat is None else flat.clone() for flat in self._flats()]

    def write(self, contents: Sequence[torch.Tensor | None]) -> None:
        """Copy contents, as `read` returns them, to where each lies."""
        with torch.inference_mode():  # tensors may have been made in it
            for flat, new in zip(self._flats(), contents, strict=True):
                if flat is not None and new is not None:
                    flat.copy_(new)

    def _flats(self) -> list[torch.Tensor | None]:
        return [
            _flat(storage, dtype) if (storage.data_ptr(), storage.nbytes()) == (address, size) else None
            for storage, dtype, address, size in self._pieces
        ]


def _flat(storage: torch.UntypedStorage, dtype: torch.dtype) -> torch.Tensor:
    n = storage.nbytes() // dtype.itemsize
    return torch.empty(0, dtype=dtype, device=storage.device).set_(storage, 0, (n,))  # type: ignore[call-overload, no-any-return]


def _tensors(owner: object) -> Iterator[torch.Tensor]:
    """Yield every tensor that is reached through attributes and containers."""
    waiting, seen = [owner], {id(owner)}
    while waiting and len(seen) < MOST_OBJECTS:
        for value in gc.get_referents(waiting.pop()):
            if id(value) in seen or isinstance(value, _DEAD_ENDS):
                continue
            seen.add(id(value))
            if isinstance(value, torch.Tensor):
                yield value
            else:
                waiting.append(value)
