"""Names made at run time are held to the rules of written ones; compiling does nothing unless opened."""

import pytest

from grader.remote import Violation

REFUSED = {
    "a closed module": "getattr(torch, 'o' + 's')",
    "a closed function": "getattr(torch, 'lo' + 'ad')",
    "a table of operators": "getattr(torch, 'op' + 's')",
    "the C module": "getattr(torch, '_' + 'C')",
    "a module that is handed around": "(lambda m: getattr(m, 'importl' + 'ib'))(torch.nn.functional)",
    "all classes": "getattr(object, '__subcl' + 'asses__')()",
    "the module of a builtin": "getattr(print, '__se' + 'lf__')",
    "a banned function": "getattr(torch.nn.functional, 'rms_' + 'norm')",
    "getattr as a value": "list(map(getattr, [torch], ['o' + 's']))",
    "a name that lies": "getattr(torch, Name('os'))",
    "the table of a module": "vars(torch)['o' + 's']",
    "the table of a module by its name": "getattr(torch, '__dict' + '__')",
    "a docstring": "getattr(f, '__do' + 'c__')",
    "a class of a poisoned module": "getattr(torch.nn, 'R' + 'NN')",
    "compiling": "getattr(torch, 'comp' + 'ile')",
}
LIE = """
class Name(str):
    def __eq__(self, other): return True
    def __hash__(self): return hash('relu')
"""


@pytest.mark.parametrize("name", REFUSED)
def test_a_name_made_at_run_time_opens_nothing(bench, name):
    tried = f"try: return bool({REFUSED[name]})\n    except Exception: return False"
    source = f"import torch\n{LIE}\ndef f():\n    {tried}"
    policy = {"opened": [], "banned": ["torch.nn.functional.rms_norm"], "poison": ["torch.nn.modules.rnn"]}
    with pytest.raises(Violation):
        bench.load(source, ["f"], **policy).f()


def test_honest_names_made_at_run_time_are_read(bench):
    source = """
import torch

class Cache(torch.nn.Module):
    def __init__(self):
        super().__init__()
        for i in range(2):
            self.register_buffer(f"k_{i}", torch.ones(1))

def f(name):
    cache = Cache()
    total = sum(getattr(cache, f"k_{i}") for i in range(2))
    known = {name: value for name, value in vars(cache).items()}
    return float(total), str(getattr(torch, name)), getattr(cache, name, "none"), "training" in known
"""
    assert bench.load(source, ["f"], opened=[]).f("float16") == (2.0, "torch.float16", "none", True)


COMPILED = """
import torch

@torch.compile(mode="reduce-overhead")
def f(x):
    return x * 2

g = torch.compile(lambda x: x + 1, backend=print)

def h(x):
    model = torch.nn.Linear(3, 3)
    model.compile(backend=print)
    return f(g(x)), type(f).__name__, list(model(x).shape)
"""


def test_compiling_does_nothing_where_it_is_not_opened(bench):
    import torch

    answer, kind, shape = bench.load(COMPILED, ["h"], opened=[]).h(torch.ones(3))
    assert torch.equal(answer, torch.full((3,), 4.0))
    assert (kind, shape) == ("function", [3])


HABITS = """
import argparse, contextlib, functools, io, json, logging, random, re
import statistics, string, textwrap, types, warnings
from collections import namedtuple
from dataclasses import asdict, dataclass, fields
from typing import Generic, NamedTuple, Protocol, TypedDict, TypeVar, runtime_checkable

import torch
from torch.distributions import Categorical

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
logger = logging.getLogger(__name__)
warnings.filterwarnings("ignore", category=DeprecationWarning)
torch.backends.cuda.matmul.allow_tf32 = True
torch.set_float32_matmul_precision("high")
T = TypeVar("T")

@dataclass(slots=True, frozen=True, kw_only=True)
class Config:
    dim: int = 64

class Row(TypedDict):
    text: str

class Pair(NamedTuple):
    first: int

@runtime_checkable
class Step(Protocol):
    def step(self): ...

class Box(Generic[T]):
    __slots__ = ("value",)

def traced(f):
    @functools.wraps(f)
    def inner(*args, **kwargs):
        logger.debug("%s called", f.__name__)
        return f(*args, **kwargs)
    return inner

@traced
def f(x):
    logger.info("f")
    logger.warning("careful")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("slow", stacklevel=2)
    with contextlib.redirect_stdout(io.StringIO()):
        print("quiet")
    random.seed(0)
    rng = random.Random(1)
    args = argparse.ArgumentParser().parse_args([])
    config = json.loads(json.dumps(asdict(Config(dim=3))))
    try:
        torch.zeros(2) @ torch.zeros(3)
    except RuntimeError:
        logger.exception("as it may happen")
    torch.manual_seed(0)
    drawn = Categorical(logits=x).sample()
    return [
        [field.name for field in fields(Config)], config, re.findall(r"[0-9]+", "a1b22"), vars(args),
        rng.random() < 1, statistics.mean([1, 3]), textwrap.dedent("  a"), string.digits, int(drawn) < 3,
        types.SimpleNamespace(a=1).a, isinstance(3, Step), Box.__name__, namedtuple("N", "a")(1)._asdict(),
    ]
"""


def test_habits_of_students_meet_no_guard(bench):
    import torch

    answer = bench.load(HABITS, ["f"], opened=[]).f(torch.zeros(3))
    assert answer[:4] == [["dim"], {"dim": 3}, ["1", "22"], {}]
    assert answer[4:] == [True, 2, "a", "0123456789", True, 1, False, "Box", {"a": 1}]
