"""Value trees, and the bytes of tensors: what both ends of the wire do alike.

Each end brings its own `leaf`: what a handle, an exposed object or a tensor's layout means differs
by side.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod
from typing import Any, TypeVar, get_args

import torch

from grader.inside.wire import (
    ITEM_SIZES,
    MAX_DEPTH,
    MAX_NODES,
    MAX_TEXT,
    Blob,
    Dict,
    DtypeName,
    List,
    Node,
    ProtocolError,
    Tuple,
)

DTYPES: Mapping[str, torch.dtype] = {name: getattr(torch, name) for name in ITEM_SIZES}
DTYPE_NAMES: Mapping[torch.dtype, DtypeName] = {DTYPES[name]: name for name in get_args(DtypeName)}
_OF_NUMPY = frozenset({torch.float64, torch.float32, torch.int64, torch.int32, torch.bool})
_CONTAINERS = (List, Tuple, Dict)
NodeT = TypeVar("NodeT")


class Unsendable(TypeError):  # noqa: N818  # says what the value is
    """A value that cannot cross the wire; the message says which kind of value."""


# ----------------------------------------------------------------------------------------- trees
def flatten(root: object, leaf: Callable[[object], NodeT]) -> list[NodeT]:
    """Lay a value out level by level. `leaf` makes the node of whatever is no container.

    Raises Unsendable for values too deep, too many, or of a kind that `leaf` refuses.
    """
    nodes: list[Any] = []  # NodeT, List, Tuple, Dict: one of the two unions of nodes
    level, depth, total = [root], 0, 1
    while level:
        below: list[object] = []
        for value in level:
            if is_scalar(value):
                nodes.append(scalar(value))
            elif (split := _split(value)) is None:
                nodes.append(leaf(value))
            else:
                node, children = split
                if depth == MAX_DEPTH and children:
                    raise Unsendable(f"a value nested more than {MAX_DEPTH} levels deep")
                total += len(children)
                if total > MAX_NODES:
                    raise Unsendable(f"more than {MAX_NODES} values")
                nodes.append(node)
                below += children
        level, depth = below, depth + 1
    return nodes


def _split(value: Any) -> tuple[List | Tuple | Dict, list[object]] | None:  # noqa: ANN401
    """Return a container's node and its children, read past whatever a subclass defines."""
    kind = type(value)
    if kind is list:
        children = list(value)
        return List(len(children)), children
    if issubclass(kind, tuple):  # named tuples, torch.Size, torch.return_types: they arrive as tuples
        children = list(tuple.__iter__(value))
        return Tuple(len(children)), children
    if kind is dict or kind is OrderedDict:
        items = list(value.items())
        for key, _ in items:
            if not is_scalar(key):
                raise Unsendable(f"a dict with a key of type {type_name(key)}")
        return Dict(len(items)), [part for item in items for part in item]
    return None


def is_scalar(value: object) -> bool:
    """Say whether a value is None or exactly a bool, int, float or str."""
    kind = type(value)  # compared by identity: a metaclass may define equality
    return kind is int or kind is float or kind is str or kind is bool or value is None


def scalar(value: object) -> object:
    """Check the bounds of a plain scalar. Raises Unsendable."""
    if type(value) is int and not -(2**63) <= value < 2**63:
        raise Unsendable("an integer beyond 64 bits")
    if type(value) is str:
        if len(value) > MAX_TEXT:
            raise Unsendable(f"a string of more than {MAX_TEXT} characters")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise Unsendable("a string that is not valid Unicode") from None
    return value


def unflatten(nodes: Sequence[Node], leaf: Callable[[Node], object]) -> object:
    """Build the value of a tree. `leaf` makes what is no container, called in the order of the nodes.

    Raises ProtocolError where the nodes are no tree.
    """
    depths = [0]  # of every node that has a parent (or is the root)
    containers: list[tuple[int, List | Tuple | Dict, int, int]] = []  # place, node, its children from, to
    values: list[object] = []
    for i, node in enumerate(nodes):
        if i >= len(depths):
            raise ProtocolError("a value that belongs to no container")
        if not isinstance(node, _CONTAINERS):
            values.append(leaf(node))
            continue
        count = 2 * node.size if isinstance(node, Dict) else node.size
        if count > len(nodes) - len(depths):
            raise ProtocolError("a container with more children than there are values")
        if count and depths[i] >= MAX_DEPTH:
            raise ProtocolError(f"nested more than {MAX_DEPTH} levels deep")
        containers.append((i, node, len(depths), len(depths) + count))
        depths += [depths[i] + 1] * count
        values.append(None)
    for i, node, start, end in reversed(containers):  # children stand after their parent
        values[i] = _assemble(node, values[start:end])
    return values[0]


def _assemble(node: List | Tuple | Dict, children: list[object]) -> object:
    if isinstance(node, List):
        return children
    if isinstance(node, Tuple):
        return tuple(children)
    return _dict(children[::2], children[1::2])


def _dict(keys: Iterable[object], values: Iterable[object]) -> dict[object, object]:
    made: dict[object, object] = {}
    for key, value in zip(keys, values, strict=True):
        if not is_scalar(key):
            raise ProtocolError("a dict key that is no plain scalar")
        if key in made:
            raise ProtocolError("a dict with the same key twice")
        made[key] = value
    return made


def type_name(value: object) -> str:
    """Name a value's type, with its module where that is not builtins."""
    kind = type(value)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


# --------------------------------------------------------------------------------------- tensors
def storage_bytes(tensor: torch.Tensor) -> memoryview:
    """View a tensor's whole storage as bytes; without a copy where it is on the CPU."""
    if _is_whole(tensor):
        return tensor.numpy().data.cast("B")
    flat = torch.empty(0, dtype=torch.uint8, device=tensor.device).set_(tensor.untyped_storage())
    return flat.cpu().numpy().data


def _is_whole(tensor: torch.Tensor) -> bool:
    """Say whether NumPy can show the bytes of a detached tensor's storage at once, as of most tensors."""
    return (
        tensor.dtype in _OF_NUMPY
        and tensor.is_contiguous()
        and 0 < tensor.nbytes == tensor.untyped_storage().nbytes()
        and tensor.is_cpu
    )


def plain_bytes(tensor: torch.Tensor) -> memoryview:
    """View the elements of a plain contiguous CPU tensor as bytes."""
    if _is_whole(tensor):
        return tensor.numpy().data.cast("B")
    size = tensor.element_size()
    flat = torch.empty(
        0, dtype=torch.uint8, device=tensor.device
    ).set_(  # not `view`: strides of one element may be anything
        tensor.untyped_storage(), int(tensor.storage_offset()) * size, (tensor.numel() * size,), (1,)
    )
    return flat.numpy().data


def strided_tensor(
    blob: torch.Tensor, dtype: str, shape: Sequence[int], stride: Sequence[int], offset: int
) -> torch.Tensor:
    """Lay a tensor over a uint8 [nbytes] blob. Raises ProtocolError where it would reach beyond."""
    kind = DTYPES[dtype]
    if len(shape) != len(stride):
        raise ProtocolError("a tensor with another number of strides than dimensions")
    last = offset + sum((n - 1) * s for n, s in zip(shape, stride, strict=True))
    reach = last + 1 if prod(shape) else 0
    if reach * ITEM_SIZES[dtype] > blob.numel():
        raise ProtocolError("a tensor that reaches beyond its storage")
    return torch.empty(0, dtype=kind, device=blob.device).set_(
        blob.untyped_storage(), offset, tuple(shape), tuple(stride)
    )


def plain_tensor(blob: Blob, dtype: str, shape: Sequence[int]) -> torch.Tensor:
    """Make the contiguous tensor of these bytes. Raises ProtocolError unless they fit exactly."""
    if prod(shape) * ITEM_SIZES[dtype] != len(blob):
        raise ProtocolError(f"{len(blob)} bytes for a {dtype} tensor of shape {list(shape)}")
    if prod(max(n, 1) for n in shape) >= 2**62:  # an empty tensor may claim any other dimension
        raise ProtocolError(f"a tensor of shape {list(shape)}")
    if dtype == "bool":
        return torch.from_numpy(blob).ne(0).reshape(tuple(shape))  # a byte other than 0 and 1 is no bool
    if not len(blob):
        return torch.empty(tuple(shape), dtype=DTYPES[dtype])
    return torch.frombuffer(blob, dtype=DTYPES[dtype]).view(tuple(shape))
