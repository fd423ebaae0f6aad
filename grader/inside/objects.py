"""The worker's end of values: what it keeps between calls, and how its values become nodes and back."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import torch

from grader.inside.hiding import opaque
from grader.inside.values import (
    DTYPE_NAMES,
    DTYPES,
    Unsendable,
    flatten,
    plain_bytes,
    strided_tensor,
    type_name,
    unflatten,
)
from grader.inside.wire import (
    ANSWER_LIMITS,
    ITEM_SIZES,
    MAX_BLOBS,
    MAX_DIMS,
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

MAX_HANDLES = 10_000
MAX_GENERATORS = 100_000
CallBack = Callable[[int, str, tuple[object, ...], dict[str, object]], object]


class Objects:
    """Instances behind handles, generators by key, and stand-ins for what the judge keeps."""

    def __init__(self, call_back: CallBack) -> None:
        self.classes: Mapping[str, type] = {}  # declared name -> the solution's class
        self.payload = ANSWER_LIMITS.payload
        self._call_back = call_back
        self._instances: dict[int, tuple[object, str]] = {}
        self._handle_of: dict[int, int] = {}  # id(instance) -> handle; _instances keeps the instance alive
        self._generators: dict[int, torch.Generator] = {}
        self._stand_ins: dict[int, object] = {}
        self._exposed_of: dict[int, int] = {}
        self._next = 0

    def forget(self) -> None:
        """Drop all of them. Handles are never given twice."""
        self._instances, self._handle_of = {}, {}
        self._generators, self._stand_ins, self._exposed_of = {}, {}, {}

    def instance(self, handle: int) -> tuple[object, str]:
        """Return the instance behind a handle, and the declared name of its class."""
        if handle not in self._instances:
            raise ProtocolError(f"no object behind handle {handle}")
        return self._instances[handle]

    # ------------------------------------------------------------------------------------ inwards
    def decode(self, nodes: Sequence[QuestionNode], blobs: Sequence[Blob]) -> object:
        """Build the judge's value. Tensors of one blob share one storage."""
        storages: dict[tuple[int, str], torch.Tensor] = {}

        def leaf(node: Node) -> object:
            if isinstance(node, Strided):
                return _strided(node, blobs, storages)
            if isinstance(node, Bytes):
                return blobs[node.blob].tobytes()
            if isinstance(node, Config):
                return _config(node)
            if isinstance(node, Dtype):
                return DTYPES[node.name]
            if isinstance(node, Device):
                return torch.device(node.name)
            if isinstance(node, Generator):
                return self._generator(node)
            if isinstance(node, Handle):
                return self.instance(node.id)[0]
            if isinstance(node, Exposed):
                return self._stand_in(node)
            return node

        return unflatten(nodes, leaf)

    def _generator(self, node: Generator) -> torch.Generator:
        known = self._generators.get(node.key)
        if known is None:
            if len(self._generators) >= MAX_GENERATORS:
                raise ProtocolError("too many generators")
            known = self._generators[node.key] = torch.Generator(node.device).manual_seed(node.seed)
        return known

    def lent(self, target: int) -> bool:
        """Say whether the judge still lends this object."""
        return target in self._stand_ins

    def _stand_in(self, node: Exposed) -> object:
        if node.id not in self._stand_ins:
            methods = {name: _forwarder(self._call_back, node.id, name) for name in node.methods}
            stand_in = type("Exposed", (), methods)()
            self._stand_ins[node.id] = stand_in
            self._exposed_of[id(stand_in)] = node.id
        return self._stand_ins[node.id]

    # ----------------------------------------------------------------------------------- outwards
    def encode(self, value: object) -> tuple[list[AnswerNode], list[Buffer]]:
        """Lay out the student's value. Raises Unsendable for what may not cross."""
        blobs: list[Buffer] = []
        nodes = flatten(value, lambda v: self._leaf(v, blobs))
        return nodes, blobs

    def _leaf(self, value: object, blobs: list[Buffer]) -> AnswerNode:
        cls = self._declared(type(value))
        if cls is not None:
            return self._handle(value, cls)
        if id(value) in self._exposed_of:
            return Exposed(self._exposed_of[id(value)], [])
        if isinstance(value, torch.Tensor):
            return self._tensor(value, blobs)
        if type(value) is bytes:
            self._make_room(len(value), blobs)
            blobs.append(value)
            return Bytes(len(blobs) - 1)
        if type(value) is torch.dtype and value in DTYPE_NAMES:
            return Dtype(DTYPE_NAMES[value])
        if type(value) is torch.device and value.type in ("cpu", "cuda", "meta"):
            return Device(str(value))
        raise Unsendable(f"a value of type {type_name(value)}")

    def _declared(self, kind: type) -> str | None:
        """Return the name of the most specific declared class of this type."""
        for base in type.__dict__["__mro__"].__get__(kind):
            for name, cls in self.classes.items():
                if base is cls:
                    return name
        return None

    def _handle(self, value: object, cls: str) -> Handle:
        handle = self._handle_of.get(id(value))
        if handle is None:
            if len(self._instances) >= MAX_HANDLES:
                raise Unsendable(f"more than {MAX_HANDLES} instances")
            handle, self._next = self._next, self._next + 1
            self._instances[handle] = (value, cls)
            self._handle_of[id(value)] = handle
        return Handle(handle, cls)

    def _tensor(self, value: torch.Tensor, blobs: list[Buffer]) -> Tensor:
        _check_plain(value)
        dtype = DTYPE_NAMES[value.dtype]
        self._make_room(value.numel() * ITEM_SIZES[dtype], blobs)
        plain = value.detach()
        if value.is_conj() or value.is_neg():
            plain = plain.resolve_conj().resolve_neg()
        if not (plain.is_cpu and plain.is_contiguous()):
            plain = plain.cpu().contiguous()
        blobs.append(plain_bytes(plain))
        return Tensor(len(blobs) - 1, dtype, list(plain.shape))

    def _make_room(self, size: int, blobs: list[Buffer]) -> None:
        if len(blobs) >= MAX_BLOBS:
            raise Unsendable(f"more than {MAX_BLOBS} tensors")
        if sum(len(blob) for blob in blobs) + size > self.payload:
            raise Unsendable(f"more than {self.payload >> 20} MiB of data")


def _check_plain(value: torch.Tensor) -> None:
    """Refuse whatever is not an ordinary tensor. A subclass could lie about everything else."""
    if type(value) is not torch.Tensor and type(value) is not torch.nn.Parameter:
        raise Unsendable(f"a tensor subclass ({type_name(value)})")
    if value.layout is not torch.strided:
        raise Unsendable(f"a sparse tensor ({value.layout})")
    if value.is_quantized:
        raise Unsendable("a quantised tensor")
    if value.device.type not in ("cpu", "cuda"):
        raise Unsendable(f"a tensor on device {value.device}")
    if value.dtype not in DTYPE_NAMES:
        raise Unsendable(f"a tensor of {value.dtype}")
    if value.dim() > MAX_DIMS:
        raise Unsendable(f"a tensor of more than {MAX_DIMS} dimensions")


def _strided(
    node: Strided, blobs: Sequence[Blob], storages: dict[tuple[int, str], torch.Tensor]
) -> torch.Tensor:
    key = node.blob, node.device
    if key not in storages:
        blob = torch.from_numpy(blobs[node.blob])
        storages[key] = blob if node.device == "cpu" else blob.to(node.device)
    return strided_tensor(storages[key], node.dtype, node.shape, node.stride, node.offset)


def _config(node: Config) -> object:
    return copy.deepcopy(_read_config(node.cls, node.json))  # a student may change his


@lru_cache(maxsize=64)
def _read_config(cls: str, text: str) -> object:
    import transformers  # heavy, and only some exercises have it

    return getattr(transformers, cls).from_dict(json.loads(text))


def _forwarder(call_back: CallBack, target: int, name: str) -> Callable[..., object]:
    def method(self: object, *args: object, **kwargs: object) -> object:
        return call_back(target, name, args, kwargs)

    method.__name__ = method.__qualname__ = name
    return opaque(method)
