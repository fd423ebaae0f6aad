"""Mutants: their headers, and how they are put onto a solution."""

from pathlib import Path

import pytest

from grader.errors import ContentError
from grader.graft import graft, read_mutant
from grader.job import Text

BASE = '''"""A solution."""
from __future__ import annotations

import math

SCALE: float = 2.0
A = B = 1

def outer(x):
    """Scale."""
    return inner(x) * SCALE

def inner(x):
    return x + 1

class Cache:
    size = 3

    def __len__(self):
        return self.size

    def push(self, x):
        return outer(x)
'''
HEADER = '''"""Add two instead of one.

en: You add two
    where one is right.
zh: 应该加一,你加了二。
caught by: test_inner, test_outer
"""
'''


def run(patch):
    names = {}
    exec(compile(graft(BASE, patch), "mutant", "exec"), names)
    return names


def test_a_function_replaces_the_function():
    names = run(HEADER + "def inner(x):\n    return x + 2\n")
    assert names["outer"](1) == 6.0
    assert names["Cache"]().push(1) == 6.0


def test_a_class_contributes_its_methods_and_attributes():
    names = run(
        "class Cache:\n    '''Doc.'''\n    size = 4\n    def push(self, x):\n        return len(self)\n"
    )
    assert len(names["Cache"]()) == names["Cache"]().push(1) == 4


@pytest.mark.parametrize("patch", ["SCALE = 3.0", "SCALE: int = 3"])
def test_an_assignment_replaces_the_assignment(patch):
    names = run(patch)
    assert names["SCALE"] == 3
    assert names["outer"](1) == 6


def test_new_definitions_are_added_before_what_may_use_them():
    patch = (
        "import operator\nfrom math import floor\nSTEP = 2\n"
        "def half(x):\n    return floor(x) // STEP\n"
        "def inner(x, step=STEP):\n    return operator.add(half(x), step)\n"
    )
    assert run(patch)["outer"](4) == 8.0


def test_a_new_method_that_python_calls_itself():
    assert run("class Cache:\n    def __getitem__(self, i):\n        return i\n")["Cache"]()[7] == 7


def test_a_new_class_may_build_on_an_old_one():
    patch = "class Small(Cache):\n    size = 1\ndef inner(x):\n    return len(Small())\n"
    assert run(patch)["inner"](0) == 1


def test_imports_come_after_docstring_and_future():
    lines = graft(BASE, "import os\ndef inner(x):\n    return os.sep\n").splitlines()
    assert lines[:3] == ['"""A solution."""', "from __future__ import annotations", "import os"]


def test_the_base_stays_as_it_was_where_nothing_is_said():
    names = run("def inner(x):\n    return x\n")
    assert (names["A"], names["B"], names["__doc__"]) == (1, 1, "A solution.")


@pytest.mark.parametrize(
    ("patch", "line", "words"),
    [
        ("\n\ndef inner(x):\n    '''Other words.'''\n    return (x + 1)  # same\n", 3, "inner is the same"),
        ("SCALE: float = 2.0\n", 1, "SCALE is the same"),
        (
            "class Cache:\n    x = 1\n    def __len__(self):\n        return self.size\n",
            3,
            "__len__ is the same",
        ),
        ("\ndef iner(x):\n    return 0\n", 2, "did you mean 'inner'"),
        ("class Cache:\n    def pusch(self, x):\n        return 0\n", 2, "did you mean 'push'"),
        ("class Cach:\n    size = 0\n", 1, "did you mean 'Cache'"),
        ("x, y = 1, 2\n", 1, "name = value"),
        ("if True:\n    pass\n", 1, "only definitions"),
        ("import os\nfor i in []:\n    pass\n", 2, "only definitions"),
        ("def inner(x:\n", 1, "syntax error"),
    ],
)
def test_a_mutant_that_cannot_be_meant_is_refused(patch, line, words):
    with pytest.raises(ContentError, match=words) as raised:
        graft(BASE, patch, Path("mutants/odd.py"))
    assert (raised.value.path, raised.value.line) == (Path("mutants/odd.py"), line)


def test_the_header(tmp_path):
    path = tmp_path / "adds_two.py"
    path.write_text(HEADER + "def inner(x):\n    return x + 2\n", encoding="utf-8")
    mutant = read_mutant(path)
    assert mutant.name == "adds_two"
    assert mutant.summary == "Add two instead of one."
    assert mutant.hint == Text("You add two where one is right.", "应该加一,你加了二。")
    assert mutant.caught_by == ("test_inner", "test_outer")
    assert mutant.source == path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def inner(x): ...\n", "docstring"),
        (HEADER.replace("en: You add two\n    where one is right.\n", ""), "'en'"),
        (HEADER.replace("zh: 应该加一,你加了二。", "zh:"), "'zh'"),
        (HEADER.replace("caught by", "caught"), "'caught by'"),
        (HEADER.replace("test_inner,", "inner,"), "'inner'"),
        ("(", "syntax error"),
    ],
)
def test_a_header_with_parts_missing_names_file_and_line(tmp_path, source, words):
    path = tmp_path / "odd.py"
    path.write_text(source, encoding="utf-8")
    with pytest.raises(ContentError, match=words) as raised:
        read_mutant(path)
    assert str(raised.value).startswith(f"{path}:1: ")
