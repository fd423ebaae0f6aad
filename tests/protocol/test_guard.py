"""Doors are guarded while the student's code runs, however they were found; honest code meets none."""

import pytest

from grader.job import Limits
from grader.remote import StudentError, Violation, expose

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


# Text that runs in a library's frames, called by a student's code or by Python for it.
EXEC = "torch.nn.functional.softmax.__builtins__['exec']"
THROUGH_LIBRARIES = {
    "torch's compiler without torch.compile": """
    import torch._dynamo
    return torch._dynamo.optimize(lambda graph, inputs: graph.forward)(lambda x: x + 1)(torch.ones(1))""",
    "a graph": """
    import torch.fx
    graph = torch.fx.symbolic_trace(torch.nn.Linear(1, 1))
    graph.graph.on_generate_code(lambda _: lambda code: [text, *code])
    graph.recompile()
    return graph(torch.ones(1, 1))""",
    "an export": """
    import torch.export
    return torch.export.export(torch.nn.Linear(1, 1), (torch.ones(1, 1),))""",
    "TorchScript": """
    return torch.jit.CompilationUnit("def g(x: int) -> int:\\n  return x + 1").g(1)""",
    "TorchScript for a function": """
    return torch.jit.script(f)""",
    "TorchScript in a unit of torch's": """
    torch.jit._state._python_cu.define("def g(x: int) -> int:\\n  return x + 1")""",
    "TorchScript's own form": """
    return torch._C.parse_ir("graph(%x : Tensor):\\n  return (%x)")""",
    "an annotation": """
    import typing
    return typing.get_type_hints(type("Text", (), {"__annotations__": {"a": "print()"}}))""",
    "an annotation that reaches far": """
    import typing
    return typing.get_type_hints(type("Text", (), {"__annotations__": {"a": "torch.os.system"}}))""",
    "a field's name": """
    import dataclasses
    kind = type("Text", (), {"__annotations__": {"a or print()": int}, "a": 0})
    return repr(dataclasses.dataclass(init=False, eq=False)(kind)())""",
    "a field's name that is no plain str": """
    import dataclasses
    class Name(str):
        def __format__(self, _): return "a or print()"
    kind = type("Text", (), {"__annotations__": {Name("a"): int}, "a": 0})
    return repr(dataclasses.dataclass(init=False, eq=False)(kind)())""",
    "a pickle": """
    import io
    return torch.load(io.BytesIO(b"cbuiltins\\nprint\\n(tR."), weights_only=False)""",
    "a measured string": """
    import timeit
    return timeit.timeit("print()", number=1)""",
    "a compiled extension": """
    from torch.utils import cpp_extension
    return cpp_extension.load_inline("late", "int f() { return 1; }", functions=["f"])""",
    "code of one's own": """
    import codeop
    return type(f)(codeop.compile_command("1"), {})()""",
}
CALLED_BACK = {
    "as a function": """
import functools
f = functools.partial({EXEC}, "x = 1")""",
    "when let go of": """
import functools
Dying = type("Dying", (), {{"__del__": functools.partial({EXEC}, "x = 1")}})
class Kept: pass
def f():
    kept = Kept()
    kept.last = Dying()
    return kept""",
}
OPEN_COMPILER = {
    "a function": "torch.compile(g, backend=lambda graph, inputs: graph.forward)(x)",
    "a function for a module": "net.compile(backend=lambda graph, inputs: graph.forward)",
    "torch's own by a function": "torch.compile(g, backend=torch._dynamo.lookup_backend('eager'))(x)",
    "an unnamed one": "torch.compile(g, backend='tvm')(x)",
    "a pass": "torch.compile(g, options={'post_grad_custom_post_pass': print})(x)",
    "a compiler of C++": "torch.compile(g, options={'cpp.cxx': ('/bin/true',)})(x)",
    "a filter of guards": "torch.compile(g, options={'guard_filter_fn': print})(x)",
    "the compiler itself": "torch._dynamo.optimize(lambda graph, inputs: graph.forward)(g)(x)",
    "one that calls itself eager": "torch._dynamo.optimize(named)(g)(x)",
    "a file where the compiler's are": "pathlib.Path('late.py').write_text('x = 1')",
    "a graph": "torch.fx.symbolic_trace(net)",
}


@pytest.mark.parametrize("way", THROUGH_LIBRARIES)
def test_text_does_not_run_through_a_library(bench, way):
    source = f"import torch\ntext = 'print()\\n'\ndef f():{THROUGH_LIBRARIES[way]}"
    patient = bench.session(Limits(call=120.0))  # torch's compiler is imported first
    with pytest.raises(Violation):
        bench.load(source, ["f"], opened=["io", "timeit", "codeop"], session=patient).f()


COMPILING = {
    "a module": "net.compile(backend=backend) or net(x)",
    "a function": "torch.compile(lambda x: x, backend=backend)(x)",
    "a decorator": "torch.compile(backend=backend)(lambda x: x)(x)",
}


@pytest.mark.parametrize("way", COMPILING)
def test_a_closed_compiler_compiles_nothing_and_calls_nobody(bench, way):
    source = f"""
import torch
seen, net, x = [], torch.nn.Linear(1, 1), torch.ones(1)
def backend(graph, inputs): seen.append(1) or graph.forward
def f(): return {COMPILING[way]} is not None and seen"""
    student = bench.load(source, ["f"], opened=[])
    assert student.f() == []
    assert student.graphs == 0


@pytest.mark.parametrize("way", CALLED_BACK)
def test_text_does_not_run_where_no_frame_is_the_students(bench, way):
    source = f"import torch\n{CALLED_BACK[way].format(EXEC=EXEC)}"
    student = bench.load(source, ["f"], {"Kept": ()}, opened=[])
    with pytest.raises(Violation):  # noqa: PT012  # in whichever of the two
        student.f()
        student.settle()


@pytest.mark.parametrize("way", OPEN_COMPILER)
def test_an_open_compiler_takes_nothing_that_runs_in_it(bench, way):
    source = f"""
import pathlib, torch, torch.fx
import torch._dynamo
def g(x): return x + 1
def named(graph, inputs): return graph.forward
named.compiler_name = "eager"
x, net = torch.ones(1), torch.nn.Linear(1, 1)
def f(): return {OPEN_COMPILER[way]}"""
    patient = bench.session(Limits(call=120.0))
    with pytest.raises(Violation):
        bench.load(source, ["f"], opened=["torch.compile", "pathlib"], session=patient).f()


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_an_open_compiler_takes_a_name(bench, backend):
    import torch

    source = f"""
import torch
class Net(torch.nn.Module):
    def forward(self, x): return x.sin() + 1
net = Net()
net.compile(backend={backend!r})
@torch.compile(backend={backend!r}, dynamic=False)
def g(x): return x.sin() + 1
def f(x): return net(x) + g(x)"""
    patient = bench.session(Limits(call=120.0))
    student = bench.load(source, ["f"], opened=["torch.compile"], session=patient)
    assert torch.allclose(student.f(torch.ones(3)), 2 * (torch.ones(3).sin() + 1))


GUARDED = """
import builtins, torch
def follow(thing, depth=3):
    # All that attributes lead to from here, and what lists, dicts and cells hold.
    seen, queue = {}, [(thing, 0)]
    while queue:
        here, far = queue.pop()
        if id(here) in seen or far > depth or isinstance(here, (str, int, torch.Tensor)):
            continue
        seen[id(here)] = here
        if isinstance(here, (type, type(torch))):
            continue  # of everybody's
        if isinstance(here, (type(len), type("".__str__))):
            queue.append((here.__self__, far + 1))
            continue
        parts = list(here) if isinstance(here, (list, tuple)) else []
        parts += list(here.values()) if isinstance(here, dict) and len(here) < 100 else []
        for name in dir(here):
            if name not in ("__globals__", "__builtins__", "__class__", "__objclass__", "__init_subclass__"):
                try: parts.append(builtins.getattr(here, name))
                except Exception: pass
        queue += [(part, far + 1) for part in parts]
    return [str(type(thing).__module__) for thing in seen.values()]
q = torch.ones(1, 2, 2)
F = torch.nn.functional
def leads(): return [m for g in GUARDS for m in follow(g) if m.startswith("grader.")]
def call(): return [h for g in GUARDS for h in (g.__wrapped__, getattr(g, "func", None)) if h is not None]
GUARDS = [F.scaled_dot_product_attention, torch.rms_norm, torch.nn.RMSNorm.forward, torch.compile]
def lent(callback): return [m for m in follow(callback)[1:] if m.startswith("grader.")]
"""
BANNED = [
    "torch.nn.functional.scaled_dot_product_attention",
    "torch.nn.functional.rms_norm",
    "torch.nn.RMSNorm",
]
ELSEWHERE = {
    "what it wraps": "F.scaled_dot_product_attention.__wrapped__(q, q, q)",
    "unwrapped": "__import__('inspect').unwrap(F.scaled_dot_product_attention)(q, q, q)",
    "torch's table of operators": "torch._C._jit_get_operation('aten::' + SDPA)[0](q, q, q)",
    "an operator's own": "torch.ops.aten.scaled_dot_product_attention._op(q, q, q)",
    "an overload's own": "torch.ops.aten.scaled_dot_product_attention.default._op(q, q, q)",
    "an overload found": "torch._C._get_operation_overload('aten::' + SDPA, '')[0](q, q, q)",
    "a kernel": "torch.ops.aten._scaled_dot_product_attention_math._op(q, q, q)",
    "torch's functions": "torch._C._VariableFunctions.rms_norm(q, [2])",
    "their other name": "torch._VF.rms_norm(q, [2])",
    "a layer's making": "torch.nn.RMSNorm(2)",
    "a layer's forward": "torch.nn.RMSNorm.forward(None, q)",
}


@pytest.mark.parametrize("way", ELSEWHERE)
def test_what_is_banned_is_banned_under_its_other_names(bench, way):
    source = f"""
import torch
q, F, SDPA = torch.ones(1, 2, 2), torch.nn.functional, "scaled_dot_product_attention"
def f(): return {ELSEWHERE[way]}"""
    with pytest.raises((Violation, StudentError)) as caught:
        bench.load(source, ["f"], opened=["inspect"], banned=BANNED).f()
    assert isinstance(caught.value, Violation) or "'NoneType' object is not callable" in str(caught.value)


def test_a_guard_leads_nowhere(bench):
    student = bench.load(
        GUARDED, ["leads", "call", "lent"], opened=["torch", "inspect", "builtins"], banned=BANNED
    )
    assert student.leads() == []
    assert student.call() == []
    assert student.lent(expose(lambda x: x, lambda x: None, most=100)) == []


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
