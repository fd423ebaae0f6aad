"""Every value arrives as it was sent, and where the layout of a tensor matters, with its layout."""

from __future__ import annotations

from collections import OrderedDict, namedtuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.inside import wire
from grader.inside.objects import Objects
from grader.inside.values import DTYPES, Unsendable
from grader.remote.ledger import Ledger

from .strategies import bits, same, tensors, values
from .wiring import framed, read_answer, read_question


def no_call(*_: object) -> object:
    raise AssertionError


def to_worker(value: object, objects: Objects | None = None, ledger: Ledger | None = None) -> object:
    blobs: list[wire.Buffer] = []
    tree = (ledger or Ledger(no_call)).encode(value, blobs)
    question, received = read_question(framed(wire.Reply(id=1, value=tree, error=None), blobs))
    return (objects or Objects(no_call)).decode(question.value, received)


def to_judge(value: object, ledger: Ledger | None = None) -> object:
    tree, blobs = Objects(no_call).encode(value)
    answer, received = read_answer(framed(wire.Return(id=1, value=tree), blobs))
    return (ledger or Ledger(no_call)).decode(answer.value, received)


@settings(max_examples=150)
@given(values(tensors()))
def test_values_reach_the_worker(value):
    assert same(to_worker(value), value)


@settings(max_examples=150)
@given(values(tensors()))
def test_values_reach_the_judge(value):
    assert same(to_judge(value), value)


@settings(max_examples=200)
@given(tensors())
def test_layout_is_kept_into_the_worker(tensor):
    inside = to_worker(tensor)
    assert inside.stride() == tensor.stride()
    assert inside.storage_offset() == tensor.storage_offset()
    assert inside.untyped_storage().nbytes() == tensor.untyped_storage().nbytes()
    assert inside.data_ptr() != tensor.data_ptr() or not tensor.numel()


@settings(max_examples=100)
@given(tensors())
def test_answers_arrive_contiguous(tensor):
    judged = to_judge(tensor)
    assert judged.is_contiguous()
    assert judged.untyped_storage().nbytes() == judged.numel() * judged.element_size()


@pytest.mark.parametrize("dtype", sorted(DTYPES))
def test_every_dtype_keeps_its_bits(dtype):
    tensor = torch.arange(6).reshape(2, 3).to(DTYPES[dtype]).t()
    assert bits(to_worker(tensor)) == bits(tensor) == bits(to_judge(tensor))


def test_all_fp32_patterns_of_nan_survive():
    tensor = torch.tensor([0x7FC00001, -0x400000, 0x7F800001, -1], dtype=torch.int32).view(torch.float32)
    assert bits(to_worker(tensor)) == bits(tensor) == bits(to_judge(tensor))


def test_tensors_of_one_storage_still_share_it_inside():
    base = torch.zeros(4)
    inside = to_worker([base, base[1:], {"again": base.view(2, 2)}])
    inside[0][2] = 7
    assert inside[1].tolist() == [0, 7, 0]
    assert inside[2]["again"].tolist() == [[0, 0], [7, 0]]
    assert base.tolist() == [0, 0, 0, 0]


def test_a_storage_crosses_once():
    blobs: list[wire.Buffer] = []
    base = torch.zeros(1000)
    Ledger(no_call).encode([base, base[3:], base.t()], blobs)
    assert [len(b) for b in blobs] == [4000]


def test_conjugated_and_negated_views_are_resolved():
    z = torch.tensor([1 + 2j, 3 - 1j], dtype=torch.complex64)
    for view in (z.conj(), z.conj().imag):
        assert torch.equal(to_judge(view), view)
        assert torch.equal(to_worker(view), view)


def test_bool_bytes_become_real_bools():
    blob = torch.tensor([0, 1, 2, 255], dtype=torch.uint8).numpy()
    judged = Ledger(no_call).decode([wire.Tensor(0, "bool", [4])], [blob])
    assert judged.view(torch.uint8).tolist() == [0, 1, 1, 1]


def test_parameters_arrive_as_plain_tensors():
    parameter = torch.nn.Parameter(torch.ones(2))
    for arrived in (to_judge(parameter), to_worker(parameter)):
        assert type(arrived) is torch.Tensor
        assert not arrived.requires_grad


def test_kinds_of_tuple_and_dict_arrive_plain():
    Pair = namedtuple("Pair", "a b")
    assert same(to_judge(Pair(1, 2)), (1, 2))
    assert same(to_judge(torch.Size([2, 3])), (2, 3))
    assert same(to_judge(OrderedDict(a=1)), {"a": 1})
    found, places = to_judge(torch.tensor([1.0, 5.0]).topk(1))
    assert (found.item(), places.item()) == (5.0, 1)


class Sub(torch.Tensor):
    pass


class Int(int):
    pass


def self_containing() -> list[object]:
    loop: list[object] = []
    loop.append(loop)
    return loop


def deep(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (object(), "type object"),
        ((i for i in range(3)), "type generator"),
        (Int(3), "Int"),
        ({1, 2}, "type set"),
        ({(1, 2): 3}, "a key of type tuple"),
        (1 + 2j, "type complex"),
        (2**63, "64 bits"),
        ("x" * 70000, "65536 characters"),
        ("\ud800", "Unicode"),
        (torch.zeros(2).as_subclass(Sub), "tensor subclass"),
        (torch.zeros(2, device="meta"), "device meta"),
        (torch.zeros(3, 3).to_sparse(), "sparse"),
        (torch.zeros(2, dtype=torch.complex128), "complex128"),
        (torch.zeros([1] * 9), "8 dimensions"),
        (torch.zeros(()).expand(2**40), "MiB of data"),
        (b"x" * (257 << 20), "MiB of data"),
        ([torch.zeros(())] * 1025, "1024 tensors"),
        ([0] * (1 << 20), "values"),
        (self_containing(), "64 levels"),
        (deep(65), "64 levels"),
        (torch.complex32, "dtype"),
    ],
    ids=lambda v: v if isinstance(v, str) else "",
)
def test_what_cannot_be_an_answer_says_so(value, says):
    with pytest.raises(Unsendable, match=says):
        to_judge(value)


def test_depth_64_is_allowed():
    assert same(to_judge(deep(64)), deep(64))


@pytest.mark.parametrize(
    "value", [object(), torch.zeros(2).as_subclass(Sub), {1}, torch.zeros(2, 2).to_sparse()]
)
def test_a_test_cannot_send_what_has_no_meaning_inside(value):
    with pytest.raises(TypeError):
        to_worker(value)


def test_generators_start_from_their_seed_and_keep_their_state():
    objects, ledger = Objects(no_call), Ledger(no_call)
    ours, other = torch.Generator().manual_seed(2**64 - 3), torch.Generator().manual_seed(2**64 - 3)
    first, second = (torch.rand(3, generator=to_worker(ours, objects, ledger)) for _ in range(2))
    assert torch.equal(torch.cat([first, second]), torch.rand(6, generator=other))
    assert torch.equal(torch.rand(3, generator=to_worker(other, objects, ledger)), first)
    ours.manual_seed(1)
    again = torch.rand(3, generator=to_worker(ours, objects, ledger))
    assert torch.equal(again, torch.rand(3, generator=torch.Generator().manual_seed(1)))


def test_configs_are_rebuilt():
    transformers = pytest.importorskip("transformers")
    rope = {"rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1.0}
    rope |= {"high_freq_factor": 4.0, "original_max_position_embeddings": 64}
    config = transformers.LlamaConfig(hidden_size=64, rope_parameters=rope, dtype=torch.bfloat16)
    inside = to_worker(config)
    assert type(inside) is transformers.LlamaConfig
    assert inside is not config
    assert inside.to_dict() == config.to_dict()


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_bool_is_not_an_int(number):
    assert same(to_judge([number, True, 1, 0, False]), [number, True, 1, 0, False])
