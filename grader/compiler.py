"""Is there a C++ compiler that torch.compile can use behind the wall? Found out by compiling there."""

from __future__ import annotations

from grader.exercise import Interface
from grader.job import Limits
from grader.remote import Session, StudentError
from grader.sanitise import line
from grader.wall.choice import COMPILER, AnyWall
from grader.wall.worker import Killed

__all__ = ["COMPILER", "REMEDY", "problem"]
REMEDY = "apt-get install g++"
_LIMITS = Limits(cpu=90, wall=180, call=150, scratch=512)
_MODULE = "exercises.probe.solution"
_SOURCE = b"""
import torch


def tripled(x):
    return torch.compile(lambda y: y.cos() * 3)(x)
"""


def problem(wall: AnyWall) -> str:
    """Compile a function in a worker of its own; return what went wrong, "" if nothing did.

    Raises what opening a worker raises.
    """
    import torch

    x = torch.arange(8.0)
    with wall.open(_LIMITS) as worker:
        session = Session(worker, _LIMITS)
        try:
            interface = Interface(("tripled",), {}, frozenset())
            session.load({"exercises/probe/solution.py": _SOURCE}, module=_MODULE, interface=interface)
            answer = session.call("tripled", (x,), {})
        except (StudentError, Killed) as error:
            return line(str(error))
    right = isinstance(answer, torch.Tensor) and torch.allclose(answer, x.cos() * 3)
    return "" if right else "the compiled function gave a wrong answer"
