"""The memory of an object's tensors, read and written without the object's help."""

from __future__ import annotations

import pytest
import torch

SOURCE = """
import torch
from torch import nn

class Cache(nn.Module):
    def __init__(self, kind):
        super().__init__()
        made = torch.zeros(2, 6)
        if kind == "buffers":
            self.register_buffer("k", made[0].clone()); self.register_buffer("v", made[1].clone())
        elif kind == "views":
            self.both = made; self.k, self.v = made
        elif kind == "attributes":
            self.k, self.v = made[0].clone(), made[1].clone()
        elif kind == "parameters":
            self.k = nn.Parameter(made[0].clone()); self.v = nn.Parameter(made[1].clone())
        elif kind == "dict":
            self.parts = {"k": made[0].clone(), "v": [made[1].clone()]}
        elif kind == "layers":
            self.layers = [Layer(made[i].clone()) for i in range(2)]
    def tensors(self):
        if hasattr(self, "layers"): return [layer.x for layer in self.layers]
        if hasattr(self, "parts"): return [self.parts["k"], *self.parts["v"]]
        return [self.k, self.v]
    def state_dict(self): return [torch.zeros(6)] * 2
    def fill(self, x):
        with torch.no_grad():
            for tensor in self.tensors(): tensor.fill_(x)
    def total(self): return float(sum(t.sum() for t in self.tensors()))
    def replace(self, how):
        k = self.k
        if how == "assign": self.k = k.clone()
        elif how == "cat": self.k = torch.cat((k[:3], k[3:]))
        elif how == "data": k.data = k.data.clone()
        elif how == "set": k.set_(k.clone())
        elif how == "swap": torch.utils.swap_tensors(k, k.clone())
        elif how == "resize": k.resize_(600_000)
        elif how == "storage": k.untyped_storage().resize_(600_000)
        self.fill(3.0)

class Layer:
    __slots__ = ("x",)
    def __init__(self, x): self.x = x
"""
METHODS = {"Cache": ("state_dict", "fill", "total", "replace")}
KINDS = ("buffers", "views", "attributes", "parameters", "dict", "layers")


@pytest.fixture
def student(bench):
    return bench.load(SOURCE, [], METHODS)


def values(pieces):
    return torch.cat(pieces).tolist()


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_holds_the_tensors_their_memory_is_read_and_written(student, kind):
    cache = student.Cache(kind)
    assert values(student.held(cache)) == [0.0] * 12
    cache.fill(2.0)
    assert values(student.held(cache)) == [2.0] * 12
    new = [piece + 0.5 for piece in student.held(cache)]
    assert values(student.held(cache, new)) == [2.5] * 12
    assert cache.total() == 30.0


@pytest.mark.parametrize("how", ["assign", "cat", "data", "set", "swap"])
def test_what_is_replaced_no_longer_shows(student, how):
    cache = student.Cache("buffers")
    student.held(cache)
    cache.replace(how)
    assert sorted(values(student.held(cache))) == [0.0] * 6 + [3.0] * 6


@pytest.mark.parametrize("how", ["resize", "storage"])
def test_memory_that_is_resized_is_said_to_have_moved(student, how):
    cache = student.Cache("buffers")
    student.held(cache)
    cache.replace(how)
    pieces = student.held(cache)
    assert len(pieces) == 2
    assert sum(piece is None for piece in pieces) == 1
    student.held(cache, pieces)


def test_memory_is_of_one_test(student):
    cache = student.Cache("buffers")
    student.held(cache)
    student.settle()
    with pytest.raises(TypeError, match="earlier test"):
        student.held(cache)
