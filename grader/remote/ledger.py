"""The judge's end of values: what it knows of the worker's objects, and how values become nodes and back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import count
from math import prod

import torch

from grader.inside.values import (
    DTYPE_NAMES,
    DTYPES,
    flatten,
    plain_tensor,
    storage_bytes,
    unflatten,
)
from grader.inside.wire import (
    MAX_BLOBS,
    QUESTION_LIMITS,
    AnswerNode,
    Blob,
    Buffer,
    Bytes,
    Config,
    Device,
    Dtype,
    Exposed,
    Generator,
    Handle,
    Node,
    ProtocolError,
    QuestionNode,
    Strided,
    Tensor,
)
from grader.remote.exposed import ExposedObject
from grader.remote.instance import CallMethod, Instance

MAX_HANDLES = 10_000
MAX_EMPTY = 1 << 20  # rows of a tensor without elements, which cost nothing to send and a lot to walk through
_VALUE_BYTES = 8  # of the largest number


class Ledger:
    """Handles received, generators and objects lent: valid until a test has ended."""

    def __init__(self, call: CallMethod) -> None:
        self.classes: Mapping[str, Sequence[str]] = {}  # declared class -> its methods
        self._call = call
        self._instances: dict[int, Instance] = {}
        self._generators: dict[tuple[int, int], tuple[int, torch.Generator]] = {}
        self._exposed: dict[int, ExposedObject] = {}
        self._exposed_ids: dict[int, int] = {}
        self._ids = count()  # never given twice, so that nothing of an earlier test means anything

    def forget(self) -> None:
        """Drop all of them."""
        self._instances, self._generators, self._exposed, self._exposed_ids = {}, {}, {}, {}

    def exposed(self, id_: int) -> ExposedObject:
        """Return the object lent under this id. Raises ProtocolError where there is none."""
        if id_ not in self._exposed:
            raise ProtocolError("a call of an object that is not lent")
        return self._exposed[id_]

    def owns(self, instance: Instance) -> bool:
        """Say whether this handle is one of this worker's, and of this test."""
        return self._instances.get(instance._handle) is instance

    # ----------------------------------------------------------------------------------- outwards
    def encode(self, value: object, blobs: list[Buffer]) -> list[QuestionNode]:
        """Lay out a test's value, appending to `blobs`. Raises TypeError for what a test may not send."""
        storages: dict[tuple[str, int, int], int] = {}
        nodes: list[QuestionNode] = flatten(value, lambda v: self._leaf(v, blobs, storages))
        if len(blobs) > MAX_BLOBS or sum(len(blob) for blob in blobs) > QUESTION_LIMITS.payload:
            raise TypeError("more data than one call can carry")
        return nodes

    def _leaf(
        self, value: object, blobs: list[Buffer], storages: dict[tuple[str, int, int], int]
    ) -> QuestionNode:
        if type(value) is torch.Tensor or type(value) is torch.nn.Parameter:
            return _strided(value, blobs, storages)
        if isinstance(value, Instance):
            return self._handle(value)
        if isinstance(value, ExposedObject):
            return self._lend(value)
        if isinstance(value, torch.Generator):
            return self._generator(value)
        if isinstance(value, torch.dtype) and value in DTYPE_NAMES:
            return Dtype(DTYPE_NAMES[value])
        if isinstance(value, torch.device):
            return Device(str(value))
        if isinstance(value, bytes):
            blobs.append(value)
            return Bytes(len(blobs) - 1)
        return _config(value)

    def _handle(self, instance: Instance) -> Handle:
        if not self.owns(instance):
            raise TypeError(f"{instance!r} belongs to another worker or to an earlier test")
        return Handle(instance._handle, instance._cls)

    def _lend(self, target: ExposedObject) -> Exposed:
        id_ = self._exposed_ids.get(id(target))
        if id_ is None:
            id_ = self._exposed_ids[id(target)] = next(self._ids)
            self._exposed[id_] = target  # also keeps its id() from being used again
        return Exposed(id_, target.methods)

    def _generator(self, generator: torch.Generator) -> Generator:
        seed = generator.initial_seed()
        # A generator seeded anew is another one; holding it keeps its id() from being used again.
        key, _ = self._generators.setdefault((id(generator), seed), (next(self._ids), generator))
        return Generator(key, seed - 2**64 if seed >= 2**63 else seed, str(generator.device))

    # ------------------------------------------------------------------------------------ inwards
    def decode(self, nodes: Sequence[AnswerNode], blobs: Sequence[Blob]) -> object:
        """Build the student's value from plain bytes. Raises ProtocolError for anything malformed."""
        unused = iter(range(len(blobs)))

        def leaf(node: Node) -> object:
            if isinstance(node, Tensor | Bytes):
                if next(unused, None) != node.blob:
                    raise ProtocolError("data that is missing, out of order or used twice")
                blob = blobs[node.blob]
                if isinstance(node, Tensor) and not blob.nbytes and _claimed(node) > MAX_EMPTY:
                    raise ProtocolError(f"an empty tensor of {_claimed(node)} rows")
                return (
                    blob.tobytes() if isinstance(node, Bytes) else plain_tensor(blob, node.dtype, node.shape)
                )
            if isinstance(node, Handle):
                return self._instance(node)
            if isinstance(node, Exposed):
                return self.exposed(node.id)
            if isinstance(node, Dtype):
                return DTYPES[node.name]
            return _device(node.name) if isinstance(node, Device) else node

        value = unflatten(nodes, leaf)
        if next(unused, None) is not None:
            raise ProtocolError("data that belongs to no value")
        return value

    def _instance(self, node: Handle) -> Instance:
        known = self._instances.get(node.id)
        if known is None:
            if node.cls not in self.classes:
                raise ProtocolError(f"a handle of {node.cls!r}, which is not declared")
            if len(self._instances) >= MAX_HANDLES:
                raise ProtocolError("too many handles")
            known = self._instances[node.id] = Instance(node.id, node.cls, self.classes[node.cls], self._call)
        if known._cls != node.cls:
            raise ProtocolError("a handle that has changed its class")
        return known


def count_values(nodes: Sequence[AnswerNode], blobs: Sequence[int]) -> int:
    """Count what a tree holds by its own account, before anything is made of it or its blobs are read.

    A number counts as one value, in a tensor too; so do 8 bytes or characters, and whatever else stands
    alone. An empty dimension counts as one element: beside it the others may claim anything.
    """
    return max(sum(map(_values, nodes)), sum(blobs) // _VALUE_BYTES)


def _claimed(node: Tensor) -> int:
    return prod(max(n, 1) for n in node.shape)


def _values(node: AnswerNode) -> int:
    if isinstance(node, Tensor):
        return _claimed(node)
    return 1 + len(node) // _VALUE_BYTES if isinstance(node, str) else 1


def _device(name: str) -> torch.device:
    try:
        return torch.device(name)
    except RuntimeError:  # "cuda:00", or what else looks like a device
        raise ProtocolError(f"no device is called {name!r}") from None


def _strided(tensor: torch.Tensor, blobs: list[Buffer], storages: dict[tuple[str, int, int], int]) -> Strided:
    if tensor.layout is not torch.strided or tensor.dtype not in DTYPE_NAMES:
        raise TypeError(f"a test cannot send a tensor of {tensor.dtype}, {tensor.layout} to the student")
    plain = tensor.detach()
    if tensor.is_conj() or tensor.is_neg():
        plain = plain.resolve_conj().resolve_neg()
    storage = plain.untyped_storage()
    device = plain.device.type
    key = device, storage.data_ptr(), storage.nbytes()
    if key not in storages:
        storages[key] = len(blobs)
        blobs.append(storage_bytes(plain))
    return Strided(
        storages[key],
        DTYPE_NAMES[plain.dtype],
        list(plain.shape),
        list(plain.stride()),
        int(plain.storage_offset()),
        device,
    )


def _config(value: object) -> Config:
    name = type(value).__name__
    if type(value).__module__.startswith("transformers.") and name.endswith("Config"):
        return Config(name, json.dumps(value.to_dict()))  # type: ignore[attr-defined]
    raise TypeError(f"a test cannot send a value of type {type(value).__qualname__} to the student")
