"""Calls through torch.compile in the worker: graphs are counted, failures are said in one line."""

from __future__ import annotations

import pytest
import torch

from grader.inside.wire import answer_decoder, pack
from grader.remote import StudentError

SOURCE = """
import torch

class Cache:
    def __init__(self, n): self.k, self.used = torch.zeros(n), 0

class Model:
    def __init__(self, factor): self.factor = factor
    def __call__(self, x): return x * self.factor

def step(model, x, position, cache):
    cache.k.index_copy_(0, position, model(x))
    return cache.k.sum()

def counts_in_python(model, x, position, cache):
    cache.used += 1
    return model(x) * cache.used

def grows(model, x, position, cache):
    cache.k = torch.cat((cache.k, model(x)))
    return cache.k.sum()

def branches(model, x, position, cache):
    if x.sum() > 3:
        return x
    return model(x)

def wrong_shapes(model, x, position, cache):
    return torch.zeros(1, 4) @ torch.zeros(5, 5)

def raises(model, x, position, cache):
    raise ValueError("no such position")

def compiles_itself(x):
    return torch.compile(lambda y: y + 1, backend="eager")(x)

def forgets_the_count(x):
    torch._dynamo.utils.counters.clear()
    return x

def pretends():
    class Liar(torch._dynamo.exc.Unsupported):
        real_stack = 7
        def __init__(self): pass
        def __str__(self): raise SystemExit
    raise Liar
"""
STEPS = ["step", "counts_in_python", "grows", "branches", "wrong_shapes", "raises"]
OTHERS = ["compiles_itself", "forgets_the_count", "pretends"]
CLASSES = {"Cache": (), "Model": ()}


@pytest.fixture
def student(bench):
    return bench.load(SOURCE, STEPS + OTHERS, CLASSES)


def run(student, name, positions=3, **options):
    """Call a step at several positions; return the compiled name and the answers."""
    fn = student.compiled(name, **options)
    model, cache = student.Model(2.0), student.Cache(16)
    return fn, [fn(model, torch.ones(1), torch.tensor([i]), cache) for i in range(positions)]


def failure(student, name, positions=12):
    with pytest.raises(StudentError) as caught:
        run(student, name, positions, fullgraph=True, dynamic=False)
    return caught.value


def test_one_graph_serves_all_positions_and_answers_are_right(student):
    fn, answers = run(student, "step", fullgraph=True, dynamic=False)
    assert [float(a) for a in answers] == [2, 4, 6]
    assert fn.graphs == student.graphs == 1


def test_a_python_number_that_changes_is_a_graph_each_time(student):
    fn, answers = run(student, "counts_in_python", fullgraph=True, dynamic=False)
    assert [float(a) for a in answers] == [2, 4, 6]
    assert fn.graphs == 3


def test_the_same_options_share_a_wrapper_until_the_test_ends(student):
    assert run(student, "step", dynamic=False)[0].graphs == 1
    assert run(student, "step", dynamic=False)[0].graphs == 0
    student.settle()
    assert run(student, "step", dynamic=False)[0].graphs == 1


def test_graphs_of_the_students_own_compiling_are_counted(student):
    assert student.graphs == 0
    student.compiles_itself(torch.ones(2))
    assert student.graphs == 1


def test_a_count_set_back_is_no_negative_number(student):
    run(student, "step")
    student.forgets_the_count(torch.ones(1))
    assert student.graphs == 1


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("branches", "Data-dependent branching: Detected data-dependent branching"),
        ("grows", "compiled anew at call after call until the limit: tensor 'cache.k' size mismatch"),
        ("wrong_shapes", "a and b must have same reduction dim"),
        ("raises", "raised exception ValueError('no such position')"),
    ],
)
def test_why_a_capture_fails_is_said_in_one_line(student, name, said):
    error = failure(student, name)
    assert said in error.message
    assert "\n" not in error.message
    assert len(error.message) <= 180
    assert error.message.startswith("torch.compile cannot go on: ")


def test_the_students_line_is_named_and_the_worker_goes_on(student):
    frame = failure(student, "branches").frames[-1]
    assert (frame.file, frame.function) == ("exercises/x/solution.py", "branches")
    assert frame.source == "if x.sum() > 3:"
    assert run(student, "step", fullgraph=True)[0].graphs == 1


def test_a_forged_failure_is_only_an_exception(student):
    run(student, "step")
    with pytest.raises(StudentError) as caught:
        student.pretends()
    assert caught.value.type_name == "Liar"


def test_only_declared_functions_can_be_compiled(student):
    for name in ("Cache", "missing"):
        with pytest.raises(AttributeError, match="as a function"):
            student.compiled(name)


def test_a_function_that_is_not_there_is_missing(bench):
    student = bench.load(SOURCE, ["absent"])
    with pytest.raises(StudentError) as caught:
        student.compiled("absent")()
    assert caught.value.kind == "missing"


def test_the_watch_for_banned_functions_does_not_disturb_a_capture(bench):
    banned = ["torch.nn.functional.scaled_dot_product_attention"]
    student = bench.load(SOURCE, STEPS, CLASSES, banned=banned)
    assert run(student, "step", 12, fullgraph=True, dynamic=False)[0].graphs == 1


def test_a_count_no_worker_has_is_refused():
    import msgspec

    from grader.inside.wire import Return

    for count in (-1, 1 << 40):
        with pytest.raises(msgspec.ValidationError):
            answer_decoder.decode(pack(Return(id=1, value=[None], graphs=count), [])[0][4:])
