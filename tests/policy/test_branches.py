import pytest

from grader.inside.policy import inspect
from grader.inspection import read_inspection


def questions(source, **files):
    """Return (line, name) of the questions found in a solution."""
    sources = {"exercises/rope/solution.py": source.encode()}
    sources |= {path: text.encode() for path, text in files.items()}
    found = read_inspection(inspect(sources, {"exercise": "rope", "ancestors": ["llamascratch"]})).branches
    return [(f.line, f.en.split("`")[1]) for f in found]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("if isinstance(cache, Pre): pass", "isinstance"),
        ("if issubclass(kind, Pre): pass", "issubclass"),
        ("ask = isinstance", "isinstance"),
        ("if type(cache) is Pre: pass", "type(...)"),
        ("name = type(cache).__name__", "type(...)"),
        ("if hasattr(cache, 'raw_keys'): pass", "hasattr"),
        ("raw = getattr(cache, 'raw', False)", "getattr with a default"),
        ("if cache.__class__ is Pre: pass", "__class__"),
        ("match cache:\n  case Pre(): pass", "match on a class"),
        ("try: cache.raw\nexcept AttributeError: pass", "except AttributeError"),
        ("try: cache.raw\nexcept (KeyError, AttributeError): pass", "except AttributeError"),
    ],
)
def test_a_question_is_found(code, name):
    assert [found for _, found in questions(f"{code}\n")] == [name]


def test_lines_are_in_order_and_counted_once():
    source = "a = isinstance(x, A) or isinstance(x, B)\nb = 1\nc = type(x)\n"
    assert questions(source) == [(1, "isinstance"), (3, "type(...)")]


@pytest.mark.parametrize(
    "code",
    [
        "def make(kind: type[Cache]) -> Cache: return kind()",
        "x = y.type(torch.float32)",
        "if cache is None: cache = Post()",
        "if mask is not None and mask.dim() == 4: pass",
        "weight = getattr(model, 'weight')",
        "match n:\n  case 1 | 2: pass\n  case _: pass",
        "try: x = table[key]\nexcept KeyError: x = None",
        "text = 'isinstance(x, A)'",
    ],
)
def test_other_code_is_not(code):
    assert questions(f"{code}\n") == []


def test_earlier_exercises_may_ask():
    assert questions("x = 1\n", **{"exercises/llamascratch/solution.py": "y = isinstance(1, int)\n"}) == []


def test_a_question_is_no_breach_of_the_policy():
    report = inspect({"exercises/rope/solution.py": b"x = isinstance(1, int)\n"}, {"exercise": "rope"})
    assert report["branches"]
    assert not report["violations"]
