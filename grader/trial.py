"""What works behind the wall: a C++ compiler for torch.compile, a GPU? Found out by trying it there."""

from __future__ import annotations

from grader.exercise import Interface
from grader.job import Limits
from grader.remote import Session, StudentError
from grader.sanitise import line
from grader.wall.choice import COMPILER, AnyWall
from grader.wall.worker import Killed

__all__ = ["COMPILER", "REMEDY", "compiler_problem", "gpu_problem"]
REMEDY = "apt-get install g++"
_LIMITS = Limits(cpu=90, wall=180, call=150, scratch=512)
_MODULE = "exercises.probe.solution"
_SOURCE = b"""
import torch


def compiled(x):
    return torch.compile(lambda y: y.cos() * 3)(x)


def on_gpu(x):
    return (x.to("cuda").cos() * 3).cpu()
"""


def compiler_problem(wall: AnyWall) -> str:
    """Compile a function in a worker of its own; return what went wrong, "" if nothing did.

    Raises what opening a worker raises.
    """
    return _try(wall, "compiled")


def gpu_problem(wall: AnyWall) -> str:
    """Compute on the GPU in a worker of its own; return what went wrong, "" if nothing did.

    That a driver's tools run says nothing of what a confined process can do. Raises what opening a worker
    raises.
    """
    return _try(wall, "on_gpu")


def _try(wall: AnyWall, name: str) -> str:
    import torch

    x = torch.arange(8.0)
    with wall.open(_LIMITS) as worker:
        session = Session(worker, _LIMITS)
        try:
            interface = Interface((name,), {}, frozenset())
            session.load({"exercises/probe/solution.py": _SOURCE}, module=_MODULE, interface=interface)
            answer = session.call(name, (x,), {})
        except (StudentError, Killed) as error:
            return line(str(error))
    right = isinstance(answer, torch.Tensor) and torch.allclose(answer, x.cos() * 3, atol=1e-6)
    return "" if right else f"the function {name} gave a wrong answer"
