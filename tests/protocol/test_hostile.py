"""Whatever bytes a worker sends, the judge gets an answer or a ProtocolError, and the test a clear end."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc
from dataclasses import replace

import msgspec
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.exercise import Interface
from grader.inside import wire
from grader.inside.objects import Objects
from grader.inside.wire import ProtocolError
from grader.job import Limits, Reason
from grader.remote import RemoteModule, Session
from grader.remote.ledger import Ledger
from grader.wall.worker import Killed

from .strategies import CASES, tensors, values
from .wiring import Scripted, framed, read_answer

ALIEN = 12345  # an id that was never drawn


def no_call(*_: object) -> object:
    raise AssertionError


def judge(data: bytes) -> object:
    """Read bytes as the judge does: frame, then value."""
    answer, blobs = read_answer(data)
    if isinstance(answer, wire.Return):
        return Ledger(no_call).decode(answer.value, blobs)
    return answer


def valid_frame(value: object) -> bytes:
    tree, blobs = Objects(no_call).encode(value)
    return framed(wire.Return(id=1, value=tree), blobs)


def raw(header: object, blobs: bytes = b"") -> bytes:
    packed = msgspec.msgpack.encode(header)
    return struct.pack("<I", len(packed)) + packed + blobs


def returned(value: list[object], blobs: list[int] | None = None, data: bytes = b"", **more: object) -> bytes:
    return raw({"type": "return", "id": 1, "value": value, "blobs": blobs or [], **more}, data)


# ------------------------------------------------------------------------------------ any bytes
@settings(max_examples=CASES)
@given(st.binary(max_size=200))
def test_random_bytes_never_break_the_judge(data):
    with pytest.raises((ProtocolError, Killed)):
        judge(struct.pack("<I", len(data)) + data)


@settings(max_examples=CASES)
@given(values(tensors()), st.data())
def test_mutated_frames_never_break_the_judge(value, data):
    frame = bytearray(valid_frame(value))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(frame) - 1))
        match data.draw(st.sampled_from(["set", "cut", "insert"])):
            case "set":
                frame[at] = data.draw(st.integers(0, 255))
            case "cut":
                del frame[at : at + data.draw(st.integers(1, 4))]
            case "insert":
                frame[at:at] = data.draw(st.binary(min_size=1, max_size=6))
        if not frame:
            return
    with contextlib.suppress(ProtocolError, Killed):  # anything else fails the test
        judge(bytes(frame))


nodes = st.one_of(
    st.integers(-3, 3),
    st.text(max_size=2),
    st.builds(lambda k, n: [k, n], st.sampled_from(["list", "tuple", "dict"]), st.integers(0, 4)),
    st.builds(lambda b: ["bytes", b], st.integers(0, 2)),
    st.builds(
        lambda b, d, s: ["tensor", b, d, s],
        st.integers(0, 2),
        st.sampled_from(["float32", "bool", "int8", "complex64"]),
        st.lists(st.sampled_from([0, 1, 2, 4, 2**31, 2**40]), max_size=8),
    ),
    st.builds(lambda i: ["handle", i, "Model"], st.integers(0, 3)),
    st.builds(lambda i: ["exposed", i, []], st.integers(0, 3)),
)


@settings(max_examples=CASES)
@given(st.lists(nodes, min_size=1, max_size=8), st.lists(st.sampled_from([0, 1, 4, 8, 16]), max_size=3))
def test_trees_of_plausible_nodes_never_break_the_judge(tree, sizes):
    answer, blobs = read_answer(returned(tree, sizes, bytes(sum(sizes))))
    ledger = Ledger(no_call)
    ledger.classes = {"Model": ()}
    with contextlib.suppress(ProtocolError):  # anything else fails the test
        ledger.decode(answer.value, blobs)


# ---------------------------------------------------------------------------- each malformed thing
MALFORMED = {
    "an empty header": struct.pack("<I", 0),
    "a huge header": b"\xff\xff\xff\xff",
    "a negative length": struct.pack("<i", -1),
    "garbage": struct.pack("<I", 8) + b"garbage!",
    "trailing bytes in the header": struct.pack("<I", 2) + b"\x01\x01",
    "an unknown message": raw({"type": "verdict", "id": 1}),
    "a question": raw({"type": "forget", "id": 1, "blobs": []}),
    "an unknown field": returned([1], score=100, passed=True),
    "a missing field": raw({"type": "return", "id": 1}),
    "invalid UTF-8": struct.pack("<I", 6) + b"\x81\xa4\xff\xfe\xff\xfe",
    "an ext type": struct.pack("<I", 4) + b"\xc7\x01\x05a",
    "NaN as an id": raw({"type": "return", "id": float("nan"), "value": [1], "blobs": []}),
    "NaN as a length": raw({"type": "return", "id": 1, "value": [1], "blobs": [float("nan")]}),
    "a negative blob": returned([1], [-1]),
    "a huge blob": returned([1], [2**39]),
    "too much in all": returned([1], [200 << 20, 200 << 20]),
    "too many blobs": returned([1], [0] * 1025),
    "msgpack nested 10^5 deep": struct.pack("<I", 100001) + b"\x91" * 100000 + b"\x01",
    "a list that claims 2^32 items": struct.pack("<I", 13) + b"\x81\xa5value\xdd\xff\xff\xff\xff" + b"\x01",
    "an unknown node": returned([["pickle", "x"]]),
    "a node with more fields": returned([["list", 0, 1]]),
    "an integer beyond 64 bits": returned([2**63]),
    "a string too long": returned(["x" * 65537]),
    "no value": returned([]),
    "two roots": returned([1, 2]),
    "children that are not there": returned([["list", 3], 1]),
    "a container of 2^20 nothings": returned([["list", 1 << 20]]),
    "values nested 65 deep": returned([["list", 1]] * 65 + [1]),
    "a list as a key": returned([["dict", 1], ["list", 0], 1]),
    "a key twice": returned([["dict", 2], "k", 1, "k", 2]),
    "bytes too few": returned([["tensor", 0, "float32", [2]]], [4], bytes(4)),
    "bytes too many": returned([["tensor", 0, "float32", [2]]], [12], bytes(12)),
    "2^40 claimed elements": returned([["tensor", 0, "float32", [2**20, 2**20]]], [4], bytes(4)),
    "a negative dimension": returned([["tensor", 0, "float32", [-1]]], [4], bytes(4)),
    "nine dimensions": returned([["tensor", 0, "float32", [1] * 9]], [4], bytes(4)),
    "an empty tensor of absurd shape": returned([["tensor", 0, "float32", [0, 2**40, 2**40]]], [0]),
    "an unknown dtype": returned([["tensor", 0, "object", [1]]], [8], bytes(8)),
    "a missing blob": returned([["tensor", 0, "float32", [1]]]),
    "a blob used twice": returned([["tuple", 2]] + [["tensor", 0, "int8", [1]]] * 2, [1], b"1"),
    "a blob never used": returned([1], [1], b"1"),
    "a layout from the worker": returned([["strided", 0, "int8", [1], [1], 0, "cpu"]], [1], b"1"),
    "a generator from the worker": returned([["generator", 0, 0, "cpu"]]),
    "a config from the worker": returned([["config", "LlamaConfig", "{}"]]),
    "a device that is no device": returned([["device", "cpu; rm -rf"]]),
    "an exposed object never lent": returned([["exposed", 0, []]]),
    "a handle of an undeclared class": returned([["handle", 0, "Model"]]),
    "a message of 5000 characters": raw(
        {
            "type": "raise",
            "id": 1,
            "blobs": [],
            "kind": "error",
            "type_name": "E",
            "mro": [],
            "message": "x" * 5000,
            "frames": [],
        }
    ),
    "a kind we do not know": raw(
        {"type": "raise", "id": 1, "kind": "passed", "type_name": "E", "mro": [], "message": "", "frames": []}
    ),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_frames_are_protocol_errors(name):
    with pytest.raises(ProtocolError):
        judge(MALFORMED[name])


@pytest.mark.parametrize(
    "name", ["a huge header", "a huge blob", "too much in all", "a list that claims 2^32 items"]
)
def test_nothing_is_allocated_before_it_is_checked(name):
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError):
            judge(MALFORMED[name])
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("cut", [1, 3, 4, 10, -1])
def test_truncated_frames_end_with_the_line(cut):
    with pytest.raises(Killed):
        judge(valid_frame([torch.zeros(3), "x"])[:cut])


# ------------------------------------------------------------------------------------ what tests see
INTERFACE = Interface(("f",), {"Model": ("step",), "Cache": ()}, frozenset())
LIMITS = Limits()


def session(answer, memory: int = LIMITS.memory) -> tuple[Session, Scripted]:
    """Open a session whose calls are answered by `answer(id) -> bytes`; `memory` is the job's, in MiB."""

    def script(question: wire.Question) -> bytes:
        if isinstance(question, wire.Load):
            return framed(wire.Return(id=question.id, value=[wire.List(2), "f", "Model"]))
        return answer(question.id)

    line = Scripted(script)
    session = Session(line, replace(LIMITS, memory=memory))
    session.load({}, module="exercises.x.solution", interface=INTERFACE)
    return session, line


def handle(id_: int, number: int, cls: str) -> bytes:
    return framed(wire.Return(id=id_, value=[wire.Handle(number, cls)]))


def value(id_: int, number: int = 1) -> bytes:
    return framed(wire.Return(id=id_, value=[number]))


def callback(id_: int, target: int = 0, method: str = "__call__") -> bytes:
    return framed(
        wire.Callback(
            id=id_, target=target, method=method, arguments=[wire.Tuple(2), wire.List(0), wire.Dict(0)]
        )
    )


BREACHES = {
    "an answer with another id": lambda _: value(ALIEN),
    "ready again": lambda i: framed(wire.Ready(id=i)),
    "a callback of nothing": callback,
    "a callback of another question": lambda _: callback(ALIEN),
    "garbage": lambda _: b"\xff" * 64,
    "an undeclared handle": lambda i: handle(i, 0, "Secret"),
}


@pytest.mark.parametrize("name", BREACHES)
def test_breaches_kill_the_worker(name):
    open_session, line = session(BREACHES[name])
    student = RemoteModule(open_session)
    with pytest.raises(Killed) as caught:
        student.f()
    assert caught.value.reason is Reason.PROTOCOL
    assert line.killed
    with pytest.raises(Killed):
        student.f()


def test_two_answers_are_noticed_before_the_next_question_counts():
    open_session, line = session(lambda i: value(i, 1) + value(i, 2))
    student = RemoteModule(open_session)
    assert student.f() == 1
    with pytest.raises(Killed, match="not asked"):
        student.settle()
    assert line.killed


def test_bytes_waiting_before_a_call_are_noticed():
    open_session, line = session(value)
    line.data += value(ALIEN)
    with pytest.raises(Killed, match="not asked"):
        RemoteModule(open_session).f()


def test_a_handle_cannot_change_its_class():
    answers = iter([("Model", 7), ("Cache", 7)])
    open_session, _ = session(lambda i: handle(i, *next(answers)[::-1]))
    student = RemoteModule(open_session)
    student.f()
    with pytest.raises(Killed, match="changed its class"):
        student.f()


def test_too_many_handles_are_a_breach():
    tree = [wire.List(10_001), *(wire.Handle(i, "Model") for i in range(10_001))]
    open_session, _ = session(lambda i: framed(wire.Return(id=i, value=tree)))
    with pytest.raises(Killed, match="too many handles"):
        RemoteModule(open_session).f()


def test_a_test_receives_no_more_than_the_job_may_hold():
    tree = [wire.Tensor(0, "float32", [75_000])]  # 0.3 MB
    open_session, _ = session(lambda i: framed(wire.Return(id=i, value=tree), [bytes(300_000)]), memory=1)
    student = RemoteModule(open_session)
    student.f(), student.f()
    student.settle()  # which is answered in the same way; the next test has room again
    student.f(), student.f(), student.f()
    with pytest.raises(Killed, match="within one test"):
        student.f()


def test_a_line_that_breaks_in_our_own_code_is_not_the_students_fault():
    open_session, line = session(lambda _: (_ for _ in ()).throw(OSError("ours")))
    student = RemoteModule(open_session)
    with pytest.raises(OSError, match="ours"):
        student.f()
    assert line.killed
    with pytest.raises(Exception, match="broke off") as caught:
        student.f()
    assert type(caught.value).__name__ == "UngradedError"


def test_limits_are_configurable():
    with pytest.raises(ProtocolError):
        read_answer(valid_frame(torch.zeros(100)), wire.FrameLimits(payload=399))
    read_answer(valid_frame(torch.zeros(100)), wire.FrameLimits(payload=400))
    with pytest.raises(ProtocolError):
        read_answer(valid_frame([1] * 200), wire.FrameLimits(header=100))
