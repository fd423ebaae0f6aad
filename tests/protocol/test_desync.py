"""Code that gets hold of the worker's socket can spoil its own job, and nothing else."""

from __future__ import annotations

import time

import pytest
import torch

from grader.job import Limits, Reason
from grader.remote import StudentError, expose
from grader.wall.worker import Killed

from .wiring import anything

# A student who found the socket, the wire module and the question's id.
THIEF = """
import gc, os, socket, sys, threading, time
import torch
from grader.inside import wire

sock = next(o for o in gc.get_objects() if isinstance(o, socket.socket) and o.fileno() >= 0)

NONE = [wire.Tuple(2), wire.List(0), wire.Dict(0)]

def question():
    frame = sys._getframe()
    while not hasattr(frame.f_locals.get("question"), "id"): frame = frame.f_back
    return frame.f_locals["question"].id

def say(message, blobs=()):
    for part in wire.pack(message, blobs): sock.sendall(part)

def answer(id, value): say(wire.Return(id=id, value=[value]))

def honest(x): return x
def answers_twice(): answer(question(), 99); return 1
def answers_ahead(): answer(12345, 99); return 1
def replays(): return answer(last, 99)
def remembers():
    global last
    last = question()
    return 1
def garbage(): sock.sendall(os.urandom(64)); return 1
def huge(): sock.sendall(b"\\xff\\xff\\xff\\xff"); return 1
def truncates(): sock.sendall(b"\\x40\\0\\0\\0abc"); os._exit(0)
def closes(): sock.close(); time.sleep(60)
def child_answers():
    id = question()
    if os.fork() == 0:
        answer(id, 99)
        os._exit(0)
    os.wait()
    return 1
def false_callback(): say(wire.Callback(id=question(), target=0, method="x", arguments=[1])); return 1
def other_method(f):
    say(wire.Callback(id=question(), target=0, method="validate", arguments=NONE))
    return 1
def bad_arguments(f): say(wire.Callback(id=question(), target=0, method="__call__", arguments=[1])); return 1
def foreign_handle(): say(wire.Return(id=question(), value=[wire.Handle(0, "Hidden")])); return 1
def forged_handle(): say(wire.Return(id=question(), value=[wire.Handle(777, "Model")])); time.sleep(60)
def late(f):
    def work():
        time.sleep(0.2)
        try: f(1)
        except BaseException: pass
    threading.Thread(target=work).start()
    return 1
def floods(f):
    call = wire.pack(wire.Callback(id=question(), target=0, method="__call__", arguments=NONE), ())[0]
    def drain():
        while True: sock.recv(1 << 20)
    threading.Thread(target=drain, daemon=True).start()
    while True: sock.sendall(call * 10000)
class Model:
    def run(self): return 1
"""
NAMES = [line.split("(")[0][4:] for line in THIEF.splitlines() if line.startswith("def ")]


@pytest.fixture
def thief(bench):
    return bench.load(THIEF, NAMES, {"Model": ("run",)})


def is_breach(caught) -> bool:
    return caught.value.reason is Reason.PROTOCOL


@pytest.mark.parametrize("name", ["answers_ahead", "garbage", "huge", "false_callback", "foreign_handle"])
def test_breaches_during_a_call(thief, name):
    with pytest.raises(Killed) as caught:
        getattr(thief, name)()
    assert is_breach(caught)


@pytest.mark.parametrize("name", ["other_method", "bad_arguments"])
def test_false_callbacks(thief, name):
    with pytest.raises(Killed) as caught:
        getattr(thief, name)(expose(lambda: 1, anything, most=100))
    assert is_breach(caught)


@pytest.mark.parametrize("name", ["answers_twice", "child_answers"])
def test_second_answers_end_the_test(thief, name):
    getattr(thief, name)()
    with pytest.raises(Killed) as caught:
        thief.settle()
    assert is_breach(caught)


def test_an_answer_to_an_earlier_question_counts_for_nothing(thief):
    thief.remembers()
    with pytest.raises(Killed) as caught:
        thief.replays()
    assert is_breach(caught)


@pytest.mark.parametrize("name", ["truncates", "closes"])
def test_an_end_of_the_line_is_no_answer(thief, name):
    with pytest.raises(Killed) as caught:
        getattr(thief, name)()
    assert caught.value.reason is Reason.EXIT


def test_a_forged_handle_calls_nothing(bench):
    """It is the student's own table: the worker that is asked for it next knows no such object."""
    student = bench.load(THIEF.replace("time.sleep(60)", "return 1"), NAMES, {"Model": ("run",)})
    forged = student.forged_handle()
    with pytest.raises(Killed):
        forged.run()


def test_a_callback_after_its_call_is_refused_inside(thief):
    calls = []
    thief.late(expose(calls.append, anything, most=100))
    thief.settle()
    assert thief.honest(torch.ones(1)).item() == 1
    assert calls == []


def test_a_flood_of_callbacks_ends_at_the_deadline(bench):
    student = bench.load(THIEF, NAMES, {"Model": ("run",)}, session=bench.session(Limits(call=0.5)))
    started = time.monotonic()
    with pytest.raises(Killed) as caught:
        student.floods(expose(lambda: 1, anything, most=100, max_calls=10))
    assert caught.value.reason is Reason.WALL
    assert time.monotonic() - started < 60


ODD = {
    "generator": "return (i for i in range(3))",
    "numpy.float64": "import numpy as np; return np.float64(1)",
    "tensor subclass": "class T(torch.Tensor): pass\n    return torch.ones(2).as_subclass(T)",
    "on device meta": "return torch.ones(2, device='meta')",
    "MyDict": "class MyDict(dict): pass\n    return MyDict()",
    "MyInt": "class MyInt(int): __eq__ = lambda s, o: True\n    return MyInt(1)",
    "Liar": "class Liar:\n        __class__ = property(lambda s: torch.Tensor)\n    return Liar()",
    "Equal": "class M(type):\n        __eq__ = lambda s, o: True\n        __hash__ = type.__hash__\n"
    "    return M('Equal', (), {})()",
    "64 levels": "x = []; x.append(x); return x",
    "131072 values": "return [0] * 3_000_000",
    "fit into one answer": "return ['x' * 1000] * 5_000",
    "256 MiB": "return torch.empty(257 << 20, dtype=torch.int8)",
    "MiB of data": "return torch.zeros(()).expand(1 << 45)",
    "Unicode": "return '\\ud800'",
    "key of type": "return {torch.ones(1): 2}",
    "FakeTensor": "from torch._subclasses import FakeTensorMode as M\n    with M(): return torch.ones(2)",
    "device meta": "torch.set_default_device('meta'); return torch.ones(2)",
}


@pytest.mark.parametrize("says", ODD)
def test_odd_answers_are_the_students_error_and_the_worker_lives(bench, says):
    source = f"import torch\ndef f():\n    {ODD[says]}\ndef g(x): return x"
    student = bench.load(source, ["f", "g"])
    with pytest.raises(StudentError, match=says) as caught:
        student.f()
    assert caught.value.kind == "answer"
    assert student.g(torch.ones(2, 3).t()).tolist() == [[1, 1]] * 3
