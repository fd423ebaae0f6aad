import pytest

from grader.inside.policy import inspect


def size(source):
    return inspect({"exercises/sampling/solution.py": source.encode()}, {"exercise": "sampling"})["size"]


def code(found):
    return found["statements"], found["tokens"]


def longest(found):
    return found["longest_line"], found["longest_number"]


def test_layout_does_not_count():
    one_line, three_lines = size("x=1;y=2;z=(3,)\n"), size("x = 1\n\ny = 2  # two\nz = (\n    3,\n)\n")
    assert one_line["statements"] == three_lines["statements"] == 3
    assert one_line["tokens"] == three_lines["tokens"]


@pytest.mark.parametrize(
    "extra",
    [
        '    """Docstring."""\n',
        "    'a text as a comment'\n",
        "    import math\n",
        "    from math import pi, e\n",
        "    assert x > 0, 'positive'\n",
        "    y: int\n",
        "    pass\n",
        "    # comment\n",
    ],
)
def test_these_are_free(extra):
    bare = size("def f(x):\n    y = x + 1\n    return y\n")
    assert code(size(f"def f(x):\n{extra}    y = x + 1\n    return y\n")) == code(bare)


def test_annotations_and_repr_are_free():
    bare = size("class A:\n    def f(self, x, *a, **k):\n        y = x\n        return y\n")
    full = size(
        "class A:\n    def f(self, x: int, *a: int, **k: str) -> int:\n        y: int = x\n        return y\n"
        "    def __repr__(self):\n        return 'A'\n"
    )
    assert (bare["statements"], bare["tokens"]) == (full["statements"], full["tokens"]) == (4, 22)


@pytest.mark.parametrize(
    ("does", "looks"),
    [
        ("    assert (y := x + 1) is not None\n", "    assert x.dim() == 2, f'{x.shape}'\n"),
        ("    assert x.add_(1) is not None\n", "    assert all(isinstance(part, int) for part in x)\n"),
        ("    y: (z := 1)\n", "    y: tuple[int, int]\n"),
        ("    def g(a: x.append(1)): return 1\n", "    def g(a: int): return 1\n"),
        ("    def g(a) -> x.append(1): return 1\n", "    def g(a) -> int: return 1\n"),
        (
            "    def __repr__(): return x @ x\n",
            "    def __repr__(): return f'{type(x).__name__}({len(x)})'\n",
        ),
        ("    def __repr__(): return f'{x.add_(1)}'\n", "    def __repr__(): return 'x'\n"),
        ("    def __repr__():\n        x.add_(1)\n        return 'x'\n", "    def __repr__(): return 'x'\n"),
        ("    f'{x:{(y := x)}}'\n", "    f'{x:.2f}'\n"),
    ],
)
def test_what_does_work_counts_wherever_it_stands(does, looks):
    body = "def f(x):\n{}    return x\n"
    assert size(body.format(does))["tokens"] > size(body.format(looks))["tokens"]


def test_an_annotated_assignment_counts_as_one():
    assert code(size("x: int = 1")) == (1, 3)


def test_golfing_into_one_expression_is_paid_in_tokens():
    plain = size("def f(x):\n    if x:\n        return 1\n    return 2\n")
    golfed = size("f = lambda x: (1 if x else 2, [y := x], [z := y], [w := z])[0]\n")
    assert golfed["statements"] < plain["statements"]
    assert golfed["tokens"] > plain["tokens"]


def test_what_an_f_string_computes_counts():
    assert size("x = f'{g(1, 2, 3)}'")["tokens"] > size("x = f'{g()}'")["tokens"] > size("x = f'g'")["tokens"]


def test_the_longest_line_is_taken_as_written():
    assert longest(size("x = 1\r" + "y = '" + "a" * 100 + "'\n")) == (106, 2)
    assert longest(size("x = [\n    1,\n]\n")) == (6, 2)


def test_the_longest_line_is_found_in_whatever_file_it_stands():
    sources = {
        "exercises/sampling/helper.py": b"y = 1\n\nz = 'longer'\n",
        "exercises/sampling/solution.py": b"x = 1\n",
    }
    for pairs in (sources.items(), reversed(sources.items())):
        found = inspect(dict(pairs), {"exercise": "sampling"})["size"]
        assert longest(found) == (12, 3)
        assert found["longest_file"] == "exercises/sampling/helper.py"


def test_helpers_count_and_earlier_exercises_do_not():
    sources = {
        "exercises/sampling/solution.py": b"x = 1",
        "exercises/sampling/parts/helper.py": b"y = 1\nz = 2",
        "exercises/llamascratch/solution.py": b"a = 1\n" * 50 + b"# " + b"x" * 200,
    }
    found = inspect(sources, {"exercise": "sampling", "ancestors": ["llamascratch"]})["size"]
    assert code(found) == (3, 9)
    assert found["longest_line"] == 5


CODE = "scores = q @ k.transpose(-2, -1)\nweights = scores.softmax(-1)\nout = weights @ v + bias[None]\n"


def words(source):
    return size(source)["tokens"]


@pytest.mark.parametrize(
    "text",
    [
        f"def f(x):\n    '''\n    {CODE.replace(chr(10), chr(10) + '    ')}'''\n    return x\n",
        f"def f(x):\n    return run({CODE!r})\n",
        f"def f(x):\n    return run({CODE.encode()!r})\n",
        f"def f(x):\n    return run(f'{{x}}' + {CODE!r})\n",
        f"CODE = {{'a': {CODE!r}}}\ndef f(x):\n    return x\n",
    ],
)
def test_text_that_is_code_counts_as_code(text):
    found = size(text)
    assert found["tokens"] >= words(CODE)
    assert found["statements"] >= 3 + 1


@pytest.mark.parametrize(
    "packed",
    [
        repr(3 * CODE[::-1]),
        repr(3 * CODE.encode().hex()),
        repr(3 * CODE.replace("\n", "§")),
        str(int(CODE.encode().hex(), 16)),
    ],
)
def test_code_in_disguise_counts_by_its_length(packed):
    assert words(f"def f(x):\n    return run({packed})\n") > words("def f(x):\n    return run(1)\n") + 5


def test_a_docstring_that_is_read_counts():
    prose = (
        "def f(x):\n    '''" + "Not code, yet who knows what it says when it is taken apart. " * 5 + "'''\n"
    )
    assert words(f"{prose}    return run(f)\n") < words(f"{prose}    return run(f.__doc__)\n") - 20


@pytest.mark.parametrize(
    "doc",
    [
        "Rotate.",
        "softmax(q @ k.T / sqrt(d)) @ v",
        "x [B, S, D] -> y [B, S, D]",
        "Attend.\n\n    q, k, v: [B, H, S, D]\n    mask: bool\n\n    Example:\n        >>> attend(q, k, v)\n",
        "Long. " * 100,
        "y = x * w",
    ],
)
def test_real_docstrings_are_free(doc):
    bare = "def f(x):\n    y = x + 1\n    return y\n"
    full = f"def f(x):\n    {doc!r}\n    y = x + 1\n    return y\n"
    assert code(size(full)) == code(size(bare))


@pytest.mark.parametrize(
    "text", ["lm_head.weight", "reduce-overhead", "cuda:0", "b s (h d) -> b h s d", "model"]
)
def test_an_ordinary_text_is_one_token(text):
    assert words(f"x = {text!r}") == 3


def test_a_message_is_one_token():
    assert words("raise ValueError('a prompt has at least one token')") == 5


@pytest.mark.parametrize(
    "work",
    [
        "assert [0 for d['s'] in [q @ k]]",
        "assert [0 for o.s in [q @ k]]",
        "assert max([q, k], key=lambda x: d.update(s=x))",
        "assert max([q, k], key=d.append)",
    ],
)
def test_work_in_an_assert_counts(work):
    bare = size("def f(q, k, d, o):\n    return d\n")
    assert size(f"def f(q, k, d, o):\n    {work}\n    return d\n")["tokens"] > bare["tokens"] + 5
