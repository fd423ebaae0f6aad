"""A worker that may say anything at any time: every conversation ends in a way the judge has a name for."""

from __future__ import annotations

import contextlib
import struct

import msgspec
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.checks import WrongAnswer
from grader.exercise import Interface
from grader.inside import wire
from grader.inside.objects import Objects
from grader.inspection import Inspection, read_inspection
from grader.job import Limits
from grader.remote import Instance, Session, StudentError, Violation, expose
from grader.verdict import traceback_of, verdict_of
from grader.wall.worker import Killed

from .strategies import CASES, tensors, values
from .wiring import Scripted, framed

FILES = {"exercises/x/solution.py": b"def f(x):\n    return x\n", "exercises/x/deep/more.py": b""}
INTERFACE = Interface(("f",), {"Model": ("step",), "Cache": ()}, frozenset())
LIMITS = Limits()
SMALL = wire.FrameLimits(header=4096, payload=1 << 16)
ENDINGS = (Killed, StudentError, Violation, WrongAnswer)
PLAIN = {type(None), bool, int, float, str, bytes, list, tuple, dict, torch.Tensor, Instance,
         torch.dtype, torch.device}  # fmt: skip
RIGHT = "the id of the question"  # replaced where a message is sent

# ------------------------------------------------------------------- what a worker might say
words = st.sampled_from(
    ["f", "Model", "step", "__call__", "validate", "error", "answer", "violation", "memory", "cpu", *FILES,
     "../../etc/passwd", "grader/cli.py", "a\nb", "::error::", "\x1b[2J", "", "x" * 300]
) | st.text(max_size=5)  # fmt: skip
numbers = st.sampled_from([0, 1, 2, 3, -1, 64, 1023, 1024, 2**31, 2**40, 2**63 - 1, 2**63]) | st.integers(
    -5, 5
)
sizes = st.just([]) | st.lists(st.sampled_from([0, 1, 2, 4, 8, 16, -1, 2**40]), max_size=3)
kinds = st.sampled_from(["list", "tuple", "dict"])
nodes = st.one_of(
    st.none() | st.booleans() | numbers | st.floats() | words,
    st.builds(lambda kind, n: [kind, n], kinds, st.integers(0, 4)),
    st.builds(lambda kind, n: [kind, n], st.sampled_from(["bytes", "dtype", "device"]), numbers | words),
    st.builds(
        lambda b, d, s: ["tensor", b, d, s],
        st.integers(0, 2),
        st.sampled_from(["float32", "bool", "int8", "object"]),
        st.lists(st.sampled_from([0, 1, 2, 4, 2**31, 2**40]), max_size=9),
    ),
    st.builds(lambda kind, n, cls: [kind, n, cls], st.sampled_from(["handle", "exposed"]), numbers, words),
)
trees = st.lists(nodes, min_size=1, max_size=6)


def mostly(right: object, other: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.integers(0, 4).flatmap(lambda n: other if n == 4 else st.just(right))


calls = mostly([["tuple", 2], ["list", 1], ["dict", 0], 1.5], trees)
places = st.tuples(st.sampled_from([*FILES, "../x", "/etc/passwd"]), st.integers(0, 10**9), words).map(list)
evidence = st.fixed_dictionaries(
    {"inputs_changed": st.lists(words), "rng_changed": st.booleans(), "new_files": st.lists(words)}
)
ids = st.just(RIGHT)
side = {
    "evidence": st.none() | evidence,
    "violations": st.lists(words, max_size=2),
    "graphs": st.integers(0, 9),
}
KIND = st.sampled_from(["error", "answer", "violation", "memory", "processes", "files", "scratch"])
RAISED = {"kind": KIND, "type_name": words, "mro": st.lists(words, max_size=3), "message": words}
proper = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("return"), "id": ids, "value": trees, "blobs": sizes}, optional=side
    ),
    st.fixed_dictionaries(
        {"type": st.just("raise"), "id": ids, **RAISED, "frames": st.lists(places, max_size=3)}, optional=side
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("callback"),
            "id": ids,
            "target": mostly(0, numbers),
            "method": mostly("__call__", words),
            "arguments": calls,
        }
    ),
    st.fixed_dictionaries({"type": st.sampled_from(["ready", "forget", "call"]), "id": ids}),
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | words | st.binary(max_size=9)
    | st.builds(msgspec.msgpack.Ext, st.integers(-128, 127), st.binary(max_size=4)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@st.composite
def messages(draw: st.DrawFn) -> dict[str, object]:
    """Draw a message of which at most one field is not as it should be."""
    message = draw(proper)
    if draw(st.integers(0, 3)) == 0:
        message[draw(st.sampled_from([*message, "score"]))] = draw(numbers | words | anything)
    return message


def packed(header: object, id_: int) -> bytes:
    if isinstance(header, dict) and header.get("id") == RIGHT:
        header = {**header, "id": id_}
    data = msgspec.msgpack.encode(header)
    blobs = header.get("blobs") if isinstance(header, dict) else None
    lengths = [size for size in blobs if size in range(17)] if isinstance(blobs, list) else []
    return struct.pack("<I", len(data)) + data + bytes(sum(lengths))


@st.composite
def sent(draw: st.DrawFn, id_: int) -> bytes:
    """Draw what a worker sends after a question: right answers among them, or there is no conversation."""
    what = draw(st.sampled_from(["answer", *["message"] * 3, "anything", "bytes", "spoiled"]))
    if what == "bytes":
        data = draw(st.binary(max_size=30))
        return struct.pack("<I", draw(st.sampled_from([len(data), 0, 5, 2**22, 2**32 - 1]))) + data
    if what == "message":
        return packed(draw(messages()), id_)
    if what == "anything":
        return packed(draw(anything), id_)
    tree, blobs = Objects(lambda *_: None).encode(draw(values(tensors())))
    frame = bytearray(framed(wire.Return(id=id_, value=tree), blobs))
    if what == "spoiled":
        frame[draw(st.integers(0, len(frame) - 1))] = draw(st.integers(0, 255))
    return bytes(frame)


# ------------------------------------------------------------------------- what must come of it
def check(value: object) -> int:
    """Assert that a value is plain, all through, and count what is in it."""
    assert type(value) in PLAIN
    if isinstance(value, torch.Tensor):
        assert value.is_contiguous()
        assert not value.requires_grad
        assert value.untyped_storage().nbytes() == value.numel() * value.element_size()
    if isinstance(value, dict):
        return 1 + sum(check(part) for item in value.items() for part in item)
    return 1 + sum(map(check, value)) if isinstance(value, list | tuple) else 1


def check_ending(error: Exception) -> None:
    """Assert that an ending can be told, and names no file but the student's own."""
    assert isinstance(error, ENDINGS)
    for public in (True, False):
        verdict = verdict_of(error, LIMITS, public=public)
        assert verdict.message.en
        assert verdict.place is None or verdict.place.file in FILES
    if isinstance(error, StudentError):
        assert all(step.file in FILES and step.line >= 1 for step in error.frames)
        assert all(step.source in FILES[step.file].decode() for step in error.frames)
        assert "\x1b" not in traceback_of(error)


@settings(max_examples=CASES)
@given(st.data())
def test_every_conversation_ends_in_a_way_that_has_a_name(data):
    line = Scripted(lambda question: b"".join(data.draw(st.lists(sent(question.id), min_size=1, max_size=3))))
    session = Session(line, LIMITS, SMALL)
    lent = expose(lambda x: x, lambda x: None, most=100, max_calls=2)
    steps = [
        lambda: session.load(FILES, module="exercises.x.solution", interface=INTERFACE),
        lambda: session.call("f", (torch.ones(2), lent), {}),
        lambda: session.call("Model", (), {}),
        session.settle,
    ]
    for step in steps:
        try:
            assert check(step()) <= wire.MAX_NODES
        except ENDINGS as error:
            check_ending(error)
    assert lent.calls <= 3  # the third is the one that is refused


class Counted:
    """Endless bytes from a worker, and a count of what the judge makes room for."""

    def __init__(self, data: bytes) -> None:
        self._data, self.asked, self.times = data, 0, 0

    def receive_into(self, view: memoryview) -> None:
        self.asked, self.times = self.asked + len(view), self.times + 1
        given = self._data[: len(view)].ljust(len(view), b"\x01")
        view[:], self._data = given, self._data[len(view) :]


@settings(max_examples=CASES)
@given(st.builds(packed, messages() | anything, st.just(1)), st.none() | st.integers(0, 2**32 - 1))
def test_a_frame_takes_no_more_room_and_no_more_reads_than_its_limits(frame, claimed):
    prefix = frame[:4] if claimed is None else struct.pack("<I", claimed)
    source = Counted(prefix + frame[4:])
    with contextlib.suppress(wire.ProtocolError):
        wire.read_frame(source.receive_into, wire.answer_decoder, SMALL)
    assert source.asked <= 4 + SMALL.header + SMALL.payload
    assert source.times <= 2 + wire.MAX_BLOBS


@settings(max_examples=CASES)
@given(anything)
def test_a_report_of_findings_is_of_the_right_form_or_refused(report):
    try:
        found = read_inspection(report)
    except msgspec.ValidationError:
        return
    assert isinstance(found, Inspection)


def test_the_fuzzer_reaches_answers_callbacks_and_refusals():
    """What is never reached is never tested."""
    reached = set()

    @settings(max_examples=600, database=None, derandomize=True)
    @given(st.data())
    def converse(data):
        line = Scripted(lambda question: data.draw(sent(question.id)) * 2)
        session = Session(line, LIMITS, SMALL)
        lent = expose(lambda x: x, lambda x: None, most=100)
        for _ in range(2):
            try:
                session.call("f", (lent,), {})
                reached.add("answer")
            except ENDINGS as error:
                reached.add(type(error))
            if lent.calls:
                reached.add("callback")

    converse()
    assert reached >= {"answer", "callback", Killed, StudentError}


@pytest.mark.parametrize(
    "file", ["grader/cli.py", "/etc/passwd", "../solution.py", "exercises/x/solution.py/"]
)
def test_a_forged_traceback_names_no_file_but_the_students_own(file):
    forged = [wire.Frame(file, 3, "f"), wire.Frame("exercises/x/solution.py", 10**9, "f")]

    def script(question: wire.Question) -> bytes:
        said = {"kind": "error", "type_name": "E", "mro": ["E"], "message": "m"}
        return framed(wire.Raise(id=question.id, frames=forged, **said))

    session = Session(Scripted(script), LIMITS)
    with pytest.raises(StudentError) as caught:
        session.load(FILES, module="exercises.x.solution", interface=INTERFACE)
    (step,) = caught.value.frames
    assert (step.file, step.line, step.source) == ("exercises/x/solution.py", 2, "return x")
