"""Workers that nothing confines: what holds for them nevertheless."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from grader.errors import WallError
from grader.exercise import Interface
from grader.job import Limits, Reason
from grader.remote import Session
from grader.wall.plain import PlainWall
from grader.wall.worker import Killed

LIMITS = Limits(cpu=60, wall=200, call=100, scratch=4, output=64)
SOURCE = b"""
import os, sys, time


def spin():
    while True:
        pass


def leave():
    os._exit(3)


def crash():
    os.abort()


def flood():
    while True:
        print("x" * 1000)


def fill():
    with open("big", "wb") as file:
        while True:
            file.write(bytes(1 << 20))
            file.flush()
            time.sleep(0.01)


def hang_up():
    os.closerange(3, 64)
    time.sleep(300)


def large(data):
    print("size", len(data))
    return data


def place():
    return os.getcwd()
"""
NAMES = ("spin", "leave", "crash", "flood", "fill", "hang_up", "large", "place")


@pytest.fixture
def opened(request):
    """A worker with the functions above, and the conversation with it."""
    limits = getattr(request, "param", LIMITS)
    with PlainWall(("grader.inside.policy",)) as wall:
        worker = wall.open(limits)
        session = Session(worker, limits)
        interface = Interface(NAMES, {}, frozenset())
        session.load({"exercises/x/solution.py": SOURCE}, module="exercises.x.solution", interface=interface)
        yield worker, session


@pytest.mark.parametrize(
    ("name", "reason", "opened"),
    [
        ("spin", Reason.WALL, replace(LIMITS, call=1)),
        ("leave", Reason.EXIT, LIMITS),
        ("crash", Reason.SIGNAL, LIMITS),
        ("flood", Reason.OUTPUT, LIMITS),
        ("fill", Reason.SCRATCH, LIMITS),
        ("hang_up", Reason.PROTOCOL, LIMITS),
    ],
    indirect=["opened"],
)
def test_every_end_has_its_reason(opened, name, reason):
    worker, session = opened
    with pytest.raises(Killed) as killed:
        session.call(name, (), {})
    assert killed.value.reason is reason
    assert worker.gone


def test_values_and_output_come_back_and_nothing_is_left(opened):
    worker, session = opened
    data = os.urandom(12 << 20)  # more than any buffer between the two holds
    assert session.call("large", (data,), {}) == data
    assert worker.take_output() == f"size {len(data)}\n"
    folder = Path(str(session.call("place", (), {})))
    assert folder.is_dir()
    worker.kill()
    worker.kill()
    assert not folder.exists()


def test_what_does_not_start_is_said():
    with PlainWall(("no_such_module",)) as wall, pytest.raises(WallError, match="No module named 'no_such_"):
        wall.open(LIMITS)
