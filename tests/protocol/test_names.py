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
