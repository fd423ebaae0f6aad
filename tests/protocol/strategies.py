"""Values for property-based tests."""

from __future__ import annotations

import os

import torch
from hypothesis import strategies as st

from grader.inside.values import DTYPES

CASES = int(os.environ.get("GRADER_FUZZ_CASES", "250"))  # of every fuzzer


@st.composite
def tensors(draw: st.DrawFn, layouts: bool = True) -> torch.Tensor:
    """Draw a tensor of any dtype the exercises use; with `layouts`, of any layout."""
    dtype = draw(st.sampled_from(sorted(DTYPES)))
    shape = draw(st.lists(st.integers(0, 4), max_size=4))
    lead = draw(st.integers(0, 3)) if layouts else 0
    count = lead + int(torch.Size(shape).numel())
    data = draw(st.binary(min_size=count * 8, max_size=count * 8))
    flat = torch.tensor(list(data), dtype=torch.uint8)
    if dtype == "bool":
        flat = flat % 2
    item = torch.empty(0, dtype=DTYPES[dtype]).element_size()
    tensor = flat[: count * item].view(DTYPES[dtype])[lead:].reshape(shape)
    if not layouts or not shape:
        return tensor
    tensor = tensor.permute(draw(st.permutations(range(len(shape)))))
    axis = draw(st.integers(0, len(shape) - 1))
    cut = (slice(None),) * axis + (slice(draw(st.integers(0, 2)), None, draw(st.integers(1, 2))),)
    tensor = tensor[cut]
    if draw(st.booleans()):
        tensor = tensor.unsqueeze(0).expand(3, *tensor.shape)
    return tensor


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.sampled_from(list(DTYPES.values()))
    | st.sampled_from([torch.device("cpu"), torch.device("cuda:1"), torch.device("meta")])
)
keys = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=5)


def values(tensors: st.SearchStrategy[torch.Tensor]) -> st.SearchStrategy[object]:
    """Draw nested plain values that hold tensors."""
    return st.recursive(
        scalars | tensors,
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.lists(inner, max_size=3).map(tuple)
            | st.dictionaries(keys, inner, max_size=3)
        ),
        max_leaves=12,
    )


def bits(tensor: torch.Tensor) -> bytes:
    if not tensor.numel():
        return b""
    return (
        tensor.detach()
        .clone(memory_format=torch.contiguous_format)
        .flatten()
        .view(torch.uint8)
        .numpy()
        .tobytes()
    )


def same(a: object, b: object) -> bool:
    """Say whether two values are the same, types and bits included."""
    if type(a) is not type(b):
        return False
    if isinstance(a, torch.Tensor):
        return (a.dtype, a.shape, bits(a)) == (b.dtype, b.shape, bits(b))
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return all(map(same, a, b)) and same(list(a.values()), list(b.values())) and len(a) == len(b)
    return repr(a) == repr(b) if isinstance(a, float) else a == b
