"""What the judge learns when the student's code raises, however nasty the exception."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch

from grader.job import Limits
from grader.remote import StudentError, Violation


def failure(bench, body: str, source: str = "") -> StudentError:
    student = bench.load(
        f"import torch, os, sys\n{source}\ndef f():\n    {body}\ndef g(): return 3", ["f", "g"]
    )
    with pytest.raises(StudentError) as caught:
        student.f()
    assert student.g() == 3
    return caught.value


def test_frames_are_the_students_own(bench):
    error = failure(bench, "return torch.ones(2) @ helper()", "def helper(): return torch.ones(3)[[9]]")
    assert [(f.file, f.line, f.function) for f in error.frames] == [
        ("exercises/x/solution.py", 4, "f"),
        ("exercises/x/solution.py", 2, "helper"),
    ]
    assert error.frames[0].source == "return torch.ones(2) @ helper()"
    assert error.type_name == "IndexError"
    assert error.kind == "error"


def test_the_last_frames_of_a_deep_traceback_are_kept(bench):
    error = failure(bench, "dig(500)", "def dig(n): return dig(n - 1) if n else 1 / 0")
    assert len(error.frames) == 20
    assert {f.function for f in error.frames} == {"dig"}


def test_endless_recursion_is_an_ordinary_error(bench):
    error = failure(bench, "f()")
    assert (error.type_name, error.kind) == ("RecursionError", "error")


def test_import_errors_show_the_place(bench):
    for source, name in (
        ("def f(:\n", "SyntaxError"),
        ("x = 1\nraise KeyError('k')", "KeyError"),
        ("import nothing_here", "ModuleNotFoundError"),
    ):
        with pytest.raises(StudentError) as caught:
            bench.load(source, ["f"])
        assert caught.value.type_name == name
        assert caught.value.frames[-1].file == "exercises/x/solution.py"


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        ("raise MemoryError", "memory"),
        ("torch.empty(1 << 60)", "memory"),
        ("raise OSError(errno.EAGAIN, 'fork')", "processes"),
        ('raise RuntimeError("can\'t start new thread")', "processes"),
        ("raise OSError(errno.EMFILE, 'x')", "files"),
        ("raise OSError(errno.ENOSPC, 'x')", "scratch"),
        ("raise OSError(errno.EFBIG, 'x')", "scratch"),
        ("raise OSError(errno.EDQUOT, 'x')", "scratch"),
        ("raise OSError(errno.ENOENT, 'x')", "error"),
        ("raise OSError", "error"),
        ("raise RuntimeError('shapes do not fit')", "error"),
    ],
)
def test_exhausted_resources_are_told_apart(bench, statement, kind):
    assert failure(bench, statement, "import errno").kind == kind
    assert errno.EAGAIN == 11


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("sys.exit(0)", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("raise GeneratorExit", "GeneratorExit"),
        ("raise Passed('10/10')", "Passed"),
    ],
)
def test_exceptions_named_like_ours_are_errors(bench, statement, name):
    error = failure(bench, statement, "class Passed(BaseException): pass")
    assert (error.type_name, error.kind) == (name, "error")


EVIL = {
    "str raises": "def __str__(self): raise SystemExit",
    "str is no str": "def __str__(self): return 3",
    "str is huge": "def __str__(self): return 'x' * 10**7",
    "str is a subclass": "def __str__(self): return S('lie')",
    "str is not Unicode": "def __str__(self): return 'a\\ud800b'",
    "str recurses": "def __str__(self): return str(self)",
    "errno raises": "errno = property(lambda self: 1 / 0)",
    "traceback lies": "__traceback__ = property(lambda self: 1 / 0)",
    "class lies": "__class__ = property(lambda self: MemoryError)",
    "cause lies": "__cause__ = property(lambda self: self)",
}


@pytest.mark.parametrize("name", EVIL)
def test_exceptions_that_misbehave_are_still_reported(bench, name):
    source = f"""
class S(str):
    encode = __getitem__ = __len__ = lambda *a: 1 / 0
class Evil(OSError):
    {EVIL[name]}
"""
    error = failure(bench, "raise Evil('x')", source)
    assert error.type_name == "Evil"
    assert error.mro[:2] == ("Evil", "OSError")
    assert len(error.message) <= 4096


def test_a_metaclass_cannot_change_a_name(bench):
    source = """
class Meta(type):
    __name__ = property(lambda cls: 1 / 0)
    __mro__ = property(lambda cls: 1 / 0)
class Evil(Exception, metaclass=Meta): pass
"""
    assert failure(bench, "raise Evil", source).mro == ("Evil", "Exception", "BaseException", "object")


def test_standard_output_replaced_by_something_odd(bench):
    student = bench.load(
        "import sys\nclass O:\n def flush(self): raise SystemExit\ndef f(): sys.stdout = O(); return 1", ["f"]
    )
    assert student.f() == student.f() == 1


# ------------------------------------------------------------------------------------------ rules
SDPA = "torch.nn.functional.scaled_dot_product_attention"
BANNED = [SDPA, "torch.nn.functional.rms_norm", "torch.nn.RMSNorm", "torch.softmax"]
WAYS = {
    "F": "F.scaled_dot_product_attention(q, q, q)",
    "aten": "torch.ops.aten.scaled_dot_product_attention(q, q, q)",
    "overload": "torch.ops.aten.scaled_dot_product_attention.default(q, q, q)",
    "kernel": "torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(q, q, q)",
    "private": "torch._C._nn.scaled_dot_product_attention(q, q, q)",
    "inside a layer": "torch.nn.MultiheadAttention(4, 1)(q[0], q[0], q[0])",
    "rms": "F.rms_norm(q, (4,))",
    "rms of torch": "torch.rms_norm(q, (4,))",
    "rms layer": "torch.nn.RMSNorm(4)(q)",
    "a method": "q.softmax(-1)",
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("caught_inside", [False, True])
def test_banned_functions_are_noticed(bench, way, caught_inside):
    body = f"try: {WAYS[way]}\n    except Exception: pass" if caught_inside else WAYS[way]
    head = "import torch, torch.nn.functional as F\ndef g(q): return (q @ q.mT).sum().item()"
    source = f"{head}\ndef f(q):\n    {body}"
    student = bench.load(source, ["f", "g"], banned=BANNED, poison=["torch.nn.MultiheadAttention"])
    q = torch.ones(1, 1, 2, 4)
    with pytest.raises(Violation):
        student.f(q)
    assert student.g(q) == 16


def test_banned_functions_at_import_void_the_import(bench):
    with pytest.raises(Violation, match="softmax"):
        bench.load("import torch\nx = torch.ones(2).softmax(-1)", ["f"], banned=["torch.softmax"])


POISONED = """
import torch
def loaded(x): return torch.nn.TransformerEncoderLayer(4, 1, 4)(x)
def imported_now(x):
    from torch.ao.pruning.sparsifier.utils import FakeSparsity
    return FakeSparsity(torch.ones(1))(x)
def own(x):
    class Mine(torch.nn.TransformerEncoderLayer):
        def forward(self, x): return x + 1
    return Mine(4, 1, 4)(x)
def other(x): return torch.nn.Linear(4, 2)(x)
"""


def test_poisoned_layers_refuse_whenever_they_were_imported(bench):
    poison = ["torch.nn.modules.transformer", "torch.ao"]
    student = bench.load(POISONED, ["loaded", "imported_now", "own", "other"], poison=poison)
    x = torch.ones(1, 2, 4)
    with pytest.raises(Violation, match="TransformerEncoderLayer"):
        student.loaded(x)
    with pytest.raises(Violation, match="FakeSparsity"):
        student.imported_now(x)
    with pytest.raises(Violation, match="TransformerEncoderLayer"):
        student.own(x)  # its making is the library's
    assert student.other(x).shape == (1, 2, 2)


def test_a_poisoned_package_that_is_not_installed_is_nothing_to_forbid(bench):
    assert bench.load("def f(): return 1", ["f"], poison=["no_such_package.models"]).f() == 1


def test_a_poisoned_name_that_does_not_exist_is_reported(bench):
    with pytest.raises(StudentError, match=r"no such thing: torch\.nn\.NoSuchLayer"):
        bench.load("def f(): return 1", ["f"], poison=["torch.nn.NoSuchLayer"])


HANDED_OUT = """
import torch
from transformers import LlamaConfig, LlamaPreTrainedModel, PreTrainedModel

class OwnRotaryEmbedding(torch.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config, self.rope_type = config, "linear"
        for name in ("inv_freq", "original_inv_freq"):
            self.register_buffer(name, torch.zeros(config.head_dim // 2))

class Own(PreTrainedModel):
    config_class = LlamaConfig
    def __init__(self, config):
        super().__init__(config)
        self.rope = OwnRotaryEmbedding(config)
        self.post_init()

def config():
    return LlamaConfig(hidden_size=16, num_attention_heads=2, num_key_value_heads=1, num_hidden_layers=1,
                       rope_parameters={"rope_type": "linear", "factor": 1.0, "rope_theta": 10000.0})
def speeds(): return Own(config()).rope.inv_freq
def initialised():
    model = Own.__new__(Own)
    torch.nn.Module.__init__(model)
    model.config = config()
    rope = OwnRotaryEmbedding(model.config)
    LlamaPreTrainedModel._init_weights(model, rope)
    return rope.inv_freq
def layer(): return LlamaPreTrainedModel._can_record_outputs["attentions"](config(), 0) is not None
def table():
    import transformers.modeling_rope_utils as rope
    return rope._compute_linear_scaling_rope_parameters(config())[0]
def rotary():
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
    return LlamaRotaryEmbedding.compute_default_rope_parameters(config())[0]
def own():
    class Mine(LlamaPreTrainedModel):
        def __init__(self, config):
            super().__init__(config)
            self.layer = torch.nn.Linear(2, 2)
            self.post_init()
    return Mine(config()).layer.weight.shape[0]
"""


def test_an_opened_class_does_nothing_that_is_asked_for(bench):
    """Neither by the name of a student's class, nor by a table of layers, nor by a static method of one."""
    from grader.exercise import read_exercise

    policy = read_exercise(Path(__file__).parents[2] / "exercises" / "llamascratch").policy
    names = ["speeds", "initialised", "layer", "table", "rotary"]
    patient = bench.session(Limits(call=120.0))
    student = bench.load(HANDED_OUT, [*names, "own"], poison=policy.poison, session=patient)
    for name in names:
        with pytest.raises(Violation, match=r"transformers\."):
            getattr(student, name)()
    assert student.own() == 2
