"""What a hidden test can do with a student's solution, over a real worker."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import torch

from grader.checks import WrongAnswer, expect_raises
from grader.job import Limits, Reason
from grader.remote import AnswerError, Instance, RemoteModule, StudentError, expose
from grader.wall.worker import Killed

from .wiring import anything


def memory(field: str) -> int:
    """Return a figure of this process's memory, in bytes: VmRSS, or VmHWM, the most since it was set back."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) * 1024


CACHE = {"Cache": ("add", "__len__", "__call__", "keep", "gone"), "Model": ("run",)}
SOURCE = """
import torch

class Cache:
    def __init__(self, n=0): self.n = n
    def add(self, k=1): self.n += k; return self
    def __len__(self): return self.n
    def __call__(self, x): return x + self.n
    def secret(self): return 42
    def keep(self, other): self.other = other; return [other, self, {"me": self}]

class Special(Cache): pass
class Hidden: pass
class Model:
    def __init__(self, cache, fn): self.cache, self.fn = cache, fn
    def run(self, x): return self.fn(x) + len(self.cache)

def special(): return Special(3)
def hidden(): return Hidden()
def total(cache, k): return cache.n + k
def same(a, b): return a is b
def length(cache): return len(cache)
def is_inference(x): return (torch.is_inference_mode_enabled(), x.is_inference())
def random(): return torch.rand(2)
_helper = lambda: 1
def moves():
    import os
    os.chdir("/")
def says(text): print(text)
"""
FUNCTIONS = [
    "special",
    "hidden",
    "total",
    "same",
    "length",
    "is_inference",
    "random",
    "missing",
    "moves",
    "says",
]


@pytest.fixture
def student(bench):
    return bench.load(SOURCE, FUNCTIONS, CACHE)


# -------------------------------------------------------------------------------------- handles
def test_instances_stay_inside_and_keep_their_state(student):
    cache = student.Cache(2)
    assert isinstance(cache, Instance)
    assert cache.add(3) is cache
    assert len(cache) == 5
    assert student.total(cache, 1) == 6
    assert torch.equal(cache(torch.zeros(2)), torch.full((2,), 5.0))


def test_handles_inside_containers_are_the_same_objects(student):
    a, b = student.Cache(), student.Cache()
    other, me, inside = a.keep(b)
    assert (other is b, me is a, inside["me"] is a) == (True, True, True)
    assert student.same([a][0], a) is True
    assert student.same(a, b) is False


def test_a_subclass_comes_back_as_the_declared_class(student):
    assert len(student.special()) == 3


def test_undeclared_classes_cannot_be_answers(student):
    with pytest.raises(AnswerError, match="Hidden"):
        student.hidden()
    assert len(student.Cache(1)) == 1  # the worker lives on


def test_only_declared_names_can_be_used(student):
    with pytest.raises(AttributeError, match="not declared"):
        student.Cache().secret  # noqa: B018
    with pytest.raises(AttributeError, match="not declared"):
        student.Special  # noqa: B018
    with pytest.raises(TypeError, match="not declared"):
        student.Model(student.Cache(), 1)()


def test_a_declared_name_that_is_missing_is_the_students_error(student):
    assert student.has("special")
    assert not student.has("missing")
    with pytest.raises(StudentError, match="does not define missing"):
        student.missing()
    with pytest.raises(AttributeError, match="not declared"):
        student.has("nonsense")
    with pytest.raises(StudentError, match="gone"):
        student.Cache().gone()


USES = [bool, list, lambda c: c == 1, lambda c: c != 1, lambda c: c + 1, lambda c: c < 1, lambda c: c in [1]]


@pytest.mark.parametrize("use", USES)
def test_handles_refuse_to_be_values(student, use):
    with pytest.raises(TypeError):
        use(student.Model(1, 2))


@pytest.mark.parametrize("length", ["-1", "2.5", "10**30", "'3'", "True.__class__", "None"])
def test_lengths_are_checked(bench, length):
    source = f"class Cache:\n    def __len__(self): return {length}\n    def n(self): return 1"
    student = bench.load(source, classes={"Cache": ("__len__", "n")})
    with pytest.raises(StudentError):
        len(student.Cache())
    assert student.Cache().n() == 1


def test_handles_end_with_their_test(student):
    cache = student.Cache()
    student.settle()
    with pytest.raises(TypeError, match="earlier test"):
        cache.add()
    with pytest.raises(TypeError, match="earlier test"):
        student.total(cache, 1)


def test_handles_are_limited(bench):
    source = "class C: pass\ndef many(n): return [C() for _ in range(n)]"
    student = bench.load(source, ["many"], {"C": ()})
    assert len(student.many(10_000)) == 10_000
    with pytest.raises(AnswerError, match="10000 instances"):
        student.many(1)
    student.settle()
    assert len(student.many(1)) == 1


# ------------------------------------------------------------------------------------- contexts
def test_inference_mode_reaches_inside(student):
    assert student.is_inference(torch.zeros(1)) == (False, False)
    with student.inference_mode():
        assert student.is_inference(torch.zeros(1)) == (True, False)
    assert student.is_inference(torch.zeros(1)) == (False, False)


def test_the_global_generator_follows_the_seed(bench):
    draws = [bench.load(SOURCE, FUNCTIONS, CACHE, seed=s).random().tolist() for s in (1, 1, 2)]
    assert draws[0] == draws[1] != draws[2]


def test_answers_are_recorded_in_order(bench):
    session = bench.session()
    bench.load(SOURCE, FUNCTIONS, CACHE, session=session)
    answers: list[tuple[str, object]] = []
    student = RemoteModule(session, lambda name, value: answers.append((name, value)))
    cache = student.Cache(1)
    len(cache.add(2))
    student.total(cache, 2)
    assert answers == [("Cache", cache), ("Cache.add", cache), ("Cache.__len__", 3), ("total", 5)]


def test_uploads_can_be_read_inside_and_survive_a_change_of_folder(bench):
    read = "def read(folder): return open(folder + '/a/b.bin', 'rb').read()"
    source = f"import os\n{read}\ndef moves(): os.chdir('/')"
    student = bench.load(source, ["read", "moves"])
    assert student.read(student.upload({"a/b.bin": b"\x00\xff"})) == b"\x00\xff"
    student.moves()
    assert student.read(student.upload({"a/b.bin": b"2"})) == b"2"


def test_output_belongs_to_the_call_that_made_it(bench, student):
    student.says("one")
    assert bench.output() == "one\n"
    student.says("two")
    assert bench.output() == "one\ntwo\n"


def test_solutions_import_earlier_exercises(bench):
    session = bench.session()
    files = {
        "exercises/early/solution.py": b"def base(): return 20",
        "exercises/x/help.py": b"EXTRA = 2",
        "exercises/x/solution.py": (
            b"from exercises.early.solution import base\nfrom exercises.x.help import EXTRA\n"
            b"def f(): return base() + EXTRA"
        ),
    }
    from grader.exercise import Interface

    session.load(files, module="exercises.x.solution", interface=Interface(("f",), {}, frozenset()))
    assert RemoteModule(session).f() == 22


def test_a_call_that_takes_too_long_is_killed(bench):
    student = bench.load("def f():\n while True: pass", ["f"], session=bench.session(limits=Limits(call=0.5)))
    started = time.monotonic()
    with pytest.raises(Killed, match="wall"):
        student.f()
    assert time.monotonic() - started < 60


# ------------------------------------------------------------------------------------ callbacks
CALLING = """
def twice(f, x): return [f(x), f(x + 1)]
def quietly(f, x):
    try: return f(x)
    except Exception as e: return [type(e).__name__, str(e)]
def method(cache, k): cache.update(k, scale=2); return len(cache)
def other(cache): return cache.secret
def give_back(f): return f
def stash(f):
    global kept
    kept = f
def use_stash(x): return kept(x)
def forever(f):
    while True: f(1)
def hand_over(f): return f(C())
def odd(f): return f(object())
class C:
    def n(self): return 5
"""


@pytest.fixture
def caller(bench):
    names = [
        "twice",
        "quietly",
        "method",
        "other",
        "give_back",
        "stash",
        "use_stash",
        "forever",
        "hand_over",
        "odd",
    ]
    return bench.load(CALLING, names, {"C": ("n",)})


def test_callables_stay_with_the_judge(caller):
    seen = []
    answer = caller.twice(expose(lambda x: seen.append(x) or x * 2, anything, most=100), torch.ones(2))
    assert [a.tolist() for a in answer] == [[2, 2], [4, 4]]
    assert len(seen) == 2


class Cache:
    def __init__(self):
        self.kept = []
        self.secret = 7

    def update(self, k, scale):
        self.kept.append(k * scale)

    def __len__(self):
        return len(self.kept)


def test_objects_offer_only_listed_methods(caller):
    cache = Cache()
    lent = expose(cache, {"update": anything, "__len__": anything}, most=100)
    assert caller.method(lent, 3) == 1
    assert cache.kept == [6]
    with pytest.raises(StudentError, match="secret"):
        caller.other(lent)


def test_a_refused_call_fails_the_test_even_if_caught(caller):
    def small(x):
        if x > 3:
            raise ValueError("x must be small")

    with pytest.raises(WrongAnswer, match="x must be small"):
        caller.quietly(expose(lambda x: x, small, most=100), 4)
    assert caller.quietly(expose(lambda x: x, small, most=100), 3) == 3


def test_a_refusal_may_be_said_in_both_languages(caller):
    def refuse(x):
        raise ValueError("x is wrong", "x 不对")

    with pytest.raises(WrongAnswer) as refused:
        caller.quietly(expose(lambda x: x, refuse, most=100), 1)
    assert refused.value.text.en.endswith("x is wrong")
    assert refused.value.text.zh.endswith("x 不对")


def test_too_many_calls_fail_the_test(caller):
    with pytest.raises(WrongAnswer, match="more than 1 calls"):
        caller.twice(expose(lambda x: x, anything, most=100, max_calls=1), 1)


LARGE = """
import torch
def pushes(f, what, times=1):
    value = {
        "tensor": lambda: torch.zeros(8 << 20, dtype=torch.int64),
        "bools": lambda: torch.zeros(64 << 20, dtype=torch.bool),
        "stretched": lambda: torch.zeros(1).expand(32 << 20),
        "empty": lambda: torch.zeros(0, 1 << 39),
        "bytes": lambda: b"x" * (64 << 20),
        "list": lambda: list(range(100_000)),
        "nested": lambda: [[[i] * 9] for i in range(9999)],
        "text": lambda: ["x" * 60_000] * 60,
        "row": lambda: torch.zeros(100),
    }[what]()
    for _ in range(times):
        try: f(value)
        except RuntimeError: pass
    return 1
"""


@pytest.mark.parametrize("what", ["tensor", "bools", "bytes", "list", "nested", "text", "empty", "stretched"])
def test_a_call_that_brings_too_much_is_refused_before_it_is_read(bench, what):
    """Before, the judge took in all of it, and more for what the target made of it."""
    student, seen = bench.load(LARGE, ["pushes"]), []
    Path("/proc/self/clear_refs").write_text("5")  # from now on
    before = memory("VmRSS")
    with pytest.raises(WrongAnswer, match="more than 100 values in one call"):
        student.pushes(expose(seen.append, seen.append, most=100), what)
    assert seen == []
    assert memory("VmHWM") - before < 40 << 20  # the header alone is at most 4 MiB


def test_what_all_calls_of_an_object_bring_is_bounded(bench):
    student, seen = bench.load(LARGE, ["pushes"]), []
    with pytest.raises(WrongAnswer, match="values in all"):
        student.pushes(expose(seen.append, anything, most=120), "row", 1000)
    assert sum(map(len, seen)) <= 100 * 120


def test_what_callbacks_bring_in_one_test_is_bounded_by_the_jobs_memory(bench):
    """Objects may keep what they are given."""
    student = bench.load(LARGE, ["pushes"], session=bench.session(Limits(call=30.0, memory=200)))
    with pytest.raises(Killed) as caught:
        student.pushes(expose(anything, anything, most=9 << 20), "tensor", 4)
    assert caught.value.reason is Reason.MEMORY


def test_nothing_can_be_exposed_without_a_check_and_a_size():
    for wrong in (
        lambda: expose(print),
        lambda: expose(print, anything),
        lambda: expose(print, most=1),
        lambda: expose(print, None, most=1),
        lambda: expose(Cache(), {"update": None}, most=1),
        lambda: expose(Cache(), anything, most=1),
    ):
        with pytest.raises(TypeError):
            wrong()


def test_calls_that_do_not_fit_the_signature_fail_the_test(caller):
    with pytest.raises(WrongAnswer, match="missing a required argument"):
        caller.quietly(expose(lambda x, y: x, anything, most=100), 1)


def test_arguments_that_cannot_be_sent_are_the_students_error(caller):
    with pytest.raises(AnswerError, match="your code passed on a value of type object"):
        caller.odd(expose(lambda x: x, anything, most=100))


def test_a_bug_of_ours_stays_ours(caller):
    def broken(x):
        raise ZeroDivisionError("ours")

    with pytest.raises(ZeroDivisionError, match="ours"):
        caller.quietly(expose(broken, anything, most=100), 1)
    assert caller.twice(expose(lambda x: x, anything, most=100), 1) == [1, 2]


def test_what_a_callback_returns_may_be_unsendable_by_our_fault(caller):
    with pytest.raises(TypeError, match="cannot send"):
        caller.quietly(expose(lambda x: object(), anything, most=100), 1)
    assert caller.twice(expose(lambda x: x, anything, most=100), 1) == [1, 2]


def test_callbacks_cannot_call_the_student(caller):
    with pytest.raises(RuntimeError, match="waiting"):
        caller.quietly(expose(lambda x: caller.give_back(1), anything, most=100), 1)


def test_handles_and_stand_ins_travel_both_ways(caller):
    seen = []
    lent = expose(seen.append, anything, most=100)
    caller.hand_over(lent)
    assert seen[0].n() == 5
    assert caller.give_back(lent) is lent


def test_a_stand_in_lives_as_long_as_its_test(caller):
    caller.stash(expose(lambda x: x + 1, anything, most=100))
    assert caller.use_stash(1) == 2
    caller.settle()
    with pytest.raises(StudentError, match="cannot be used"):
        caller.use_stash(1)
    caller.settle()


def test_the_deadline_ticks_during_callbacks(bench):
    from grader.job import Limits

    student = bench.load(CALLING, ["forever"], session=bench.session(limits=Limits(call=0.5)))
    with pytest.raises(Killed):
        student.forever(expose(lambda x: x, anything, most=10**9, max_calls=10**9))


def test_callbacks_from_a_thread_still_in_flight_do_no_harm(bench):
    source = """
import threading
def f(g):
    threads = [threading.Thread(target=g, args=(i,)) for i in range(8)]
    for t in threads: t.start()
    return g(100)
"""
    student = bench.load(source, ["f"])
    for _ in range(5):
        assert student.f(expose(lambda x: x, anything, most=100)) == 100
    student.settle()


@pytest.mark.parametrize("depth", range(970, 1000, 3))
def test_running_out_of_stack_in_a_callback_keeps_the_conversation_in_step(bench, depth):
    source = f"""
import sys
def down(f, n): return down(f, n - 1) if n else f(1)
def g(f):
    sys.setrecursionlimit(1000)
    try: return down(f, {depth})
    except RecursionError: return "out of stack"
def endless(f): return f(1) + endless(f)
"""
    student = bench.load(source, ["g", "endless"])
    assert student.g(expose(lambda x: x, anything, most=100)) in (1, "out of stack")
    with expect_raises("RecursionError"):
        student.endless(expose(lambda x: x, anything, most=10**6, max_calls=10**4))
    assert student.g(expose(lambda x: 5, anything, most=100)) in (5, "out of stack")
    student.settle()


# ------------------------------------------------------------------------------------ inspection
def test_sources_are_inspected_without_running(bench):
    session = bench.session()
    source = b"import socket\nopen('ran', 'w')\ndef f(x): return x\n"
    spec = {"exercise": "x", "public": ["f"], "template": b"# x\n"}
    report = session.inspect({"exercises/x/solution.py": source, "exercises/x/PSEUDOCODE.md": b""}, spec)
    assert isinstance(report, dict)
    assert "socket" in str(report["violations"])
    assert report["signatures"]["f"]
    assert list(bench.folder.rglob("ran")) == []


# ------------------------------------------------------------------------------------- evidence
OBSERVED = """
import torch, random
def nothing(x, *rest, key=None): return x
def in_place(x, y): y.mul_(2)
def gap(x): x.untyped_storage()[4] = 1
def nested(data): data["b"][0].zero_(); data["a"].append(1)
def reshapes(x): x.t_()
def draws(x): return torch.rand(1)
def draws_python(x): return random.random()
def draws_own(x, g): return torch.rand(1, generator=g)
def writes(x): open("note.txt", "w").write("x")
def fails(x): x.add_(1); raise ValueError
"""


@pytest.fixture
def observed(bench):
    names = [
        "nothing",
        "in_place",
        "gap",
        "nested",
        "reshapes",
        "draws",
        "draws_python",
        "draws_own",
        "writes",
        "fails",
    ]
    return bench.load(OBSERVED, names)


def see(student, run):
    with student.observing() as seen:
        run()
    assert len(seen) == 1
    return seen[0].inputs_changed, seen[0].rng_changed, [f.rpartition("/")[2] for f in seen[0].new_files]


def test_an_innocent_call_leaves_no_evidence(observed):
    nan = torch.full((2, 3), float("nan"))
    arguments = (nan, [1, float("nan")], {"k": (nan.t(), None)})
    assert see(observed, lambda: observed.nothing(*arguments, key="x")) == ([], False, [])
    g = torch.Generator().manual_seed(1)
    assert see(observed, lambda: observed.draws_own(nan, g)) == ([], False, [])


def test_changed_inputs_are_named(observed):
    zeros = torch.zeros(2, 3)
    assert see(observed, lambda: observed.in_place(zeros, zeros + 1))[0] == ["y"]
    assert see(observed, lambda: observed.gap(torch.zeros(9)[::3]))[0] == ["x"]
    assert see(observed, lambda: observed.reshapes(torch.zeros(2, 2)))[0] == ["x"]  # only the strides
    changed = see(observed, lambda: observed.nested({"a": [], "b": (zeros + 1,)}))[0]
    assert changed == ["data['a']", "data['b'][0]"]


@pytest.mark.parametrize("name", ["draws", "draws_python"])
def test_global_draws_are_seen(observed, name):
    assert see(observed, lambda: getattr(observed, name)(1)) == ([], True, [])


def test_new_files_are_seen(observed):
    assert see(observed, lambda: observed.writes(1)) == ([], False, ["note.txt"])


def test_evidence_is_gathered_from_failing_calls_too(observed):
    def run():
        with expect_raises("ValueError"):
            observed.fails(torch.zeros(1))

    assert see(observed, run)[0] == ["x"]
