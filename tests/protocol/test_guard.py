"""Doors are guarded while the student's code runs, however they were found; honest code meets none."""

import pytest

from grader.job import Limits
from grader.remote import Violation

BUILTINS = "torch.nn.functional.softmax.__builtins__"
DOORS = {
    "code of a function": "torch.nn.functional.softmax.__code__",
    "a frame": "torch.os.sys._getframe()",
    "exec": f"{BUILTINS}['exec']('1')",
    "eval": f"{BUILTINS}['eval']('1')",
    "compiled code": f"type(f)({BUILTINS}['compile']('1', 'x', 'exec'), {{}})",
    "open": f"{BUILTINS}['open']('/dev/null')",
    "files": "torch.os.listdir('.')",
    "processes": "torch.os.system('true')",
    "fork": "torch.os.fork()",
    "a library of C": "torch.ctypes.CDLL(None)",
    "a process by another module": "__import__('subprocess').run(['true'])",
    "all objects": "__import__('gc').get_objects()",
    "a socket": "__import__('socket').socket()",
    "another library": "__import__('pytest')",
}
HONEST = """
import collections, contextlib, dataclasses, enum, functools, heapq, typing
import torch
import colorsys  # nobody has loaded it yet

@dataclasses.dataclass(frozen=True)
class Config:
    width: int = 3

class Kind(enum.Enum):
    ROW = 1

Pair = collections.namedtuple("Pair", "first second")

class Named(typing.NamedTuple):
    first: int

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(Config().width, 2)
    def forward(self, x):
        return self.layer(x)

@functools.lru_cache
def cached(n): return n

def f(x):
    with contextlib.suppress(ZeroDivisionError):
        1 / 0
    class Dying:
        def __del__(self): raise ValueError
    Dying()
    net = Net()
    net.load_state_dict(net.state_dict())
    import copy, bisect
    copy.deepcopy(net)
    "x".encode("utf-16")
    with torch.no_grad(), torch.inference_mode():
        out = net(x)
    print(repr(out), Config(), Kind.ROW, Pair(1, 2), Named(3), cached(4), f"{x.numpy()}")
    try:
        raise RuntimeError("as it may happen")
    except RuntimeError as error:
        str(error)
    return sorted([3, 1], key=lambda v: -v), heapq.nlargest(1, [1, 2]), x.tolist()
"""


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("caught_inside", [False, True])
def test_doors_are_refused(bench, door, caught_inside):
    body = f"try: return bool({DOORS[door]})\n    except Exception: return False"
    source = f"import torch\ndef f():\n    {body if caught_inside else f'return bool({DOORS[door]})'}"
    with pytest.raises(Violation):
        bench.load(source, ["f"], opened=[]).f()


def test_doors_at_import_void_the_import(bench):
    with pytest.raises(Violation, match="__code__"):
        bench.load("import torch\nx = torch.nn.functional.softmax.__code__", ["f"], opened=[])


def test_what_the_exercise_opens_is_open(bench):
    source = "import os, subprocess\ndef f(): return os.listdir('.'), subprocess.run(['true']).returncode"
    assert bench.load(source, ["f"], opened=["os", "subprocess"]).f()[1] == 0


def test_without_a_policy_nothing_is_guarded(bench):
    assert bench.load("import os\ndef f(): return eval('1 + 1') and len(os.sep)", ["f"]).f() == 1


def test_honest_code_meets_no_door(bench):
    import torch

    ordered, largest, values = bench.load(HONEST, ["f"], opened=[]).f(torch.ones(1, 3))
    assert (ordered, largest, values) == ([3, 1], [2], [[1.0, 1.0, 1.0]])


def test_code_that_is_compiled_meets_no_door(bench):
    import torch

    source = """
import torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 3)
    def forward(self, x):
        return self.layer(x).relu() + len(self._modules)
net = Net()
fast = torch.compile(net, backend="eager")
def f(x): return fast(x), net(x)
def g(x): return (x.sin() + 1).relu()
"""
    patient = bench.session(Limits(call=120.0))  # torch's compiler is imported first
    student = bench.load(source, ["f", "g"], opened=["torch.compile"], session=patient)
    ours, theirs = student.f(torch.ones(2, 3))
    assert torch.equal(ours, theirs)
    assert torch.equal(student.compiled("g")(torch.ones(2)), torch.ones(2).sin() + 1)
