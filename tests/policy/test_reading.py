"""Sources made to break their reader end as one clear finding, soon."""

import time

import pytest

from grader.inside.policy import inspect

N = 80_000
BOMBS = {
    "parentheses": "(" * N,
    "brackets closed": "[" * N + "]" * N,
    "dictionaries": "{1:" * N,
    "unary": "-" * N + "1",
    "not": "not " * N + "1",
    "sum": "1" + "+1" * N,
    "attributes": "a" + ".a" * N,
    "calls": "a" + "()" * N,
    "subscripts": "a" + "[0]" * N,
    "lambdas": "lambda:" * 30_000 + "1",
    "conditions": "1 if 1 else " * 20_000 + "1",
    "elif": "if 1:\n pass\n" + "elif 1:\n pass\n" * 15_000,
    "indentation": "".join(" " * i + "if 1:\n" for i in range(600)),
    "nested f-strings": "f'{" * 40 + "1" + "}'" * 40,
    "a number of digits": "1" * N,
    "a hexadecimal number": "x=0x" + "f" * N,
    "statements": "a=1;" * 60_000,
    "aliases": "".join(f"a{i}=a{i - 1}\n" for i in range(1, 15_000)),
    "growing aliases": "import torch\na0=torch.x\n" + "".join(f"a{i}=a{i - 1}.x\n" for i in range(1, 9_000)),
    "branching aliases": "import torch as a0\n"
    + "".join(f"a{i + 1}=a{i}.x\na{i + 1}=a{i}.y\n" for i in range(4_000)),
    "one name": "import torch\nx=torch.a\n" + "x=x.b\n" * 20_000 + "x.c\n",
    "methods": "class sample:\n" + "".join(f" def f{i}(self):pass\n" for i in range(9_000)),
    "bases in a circle": "class sample(b):pass\nclass b(sample):pass\n",
    "bases": "class sample(" + ",".join(["sample"] * 30_000) + "):pass",
    "comprehensions": "[" * 60 + "x" + " for x in y]" * 60,
    "soft keywords": "match " * N,
    "unfinished call": "f(" + "a=b " * 40_000,
    "line continuations": "\\\n" * N + "x",
    "braces in a string": "x='" + "{" * N + "." * N + "'",
    "comment": "# " + "coding" * 30_000,
}
SPEC = {"exercise": "sampling", "public": ["sample"], "template": b"x"}


def look(source):
    return inspect(
        {"exercises/sampling/solution.py": source, "exercises/sampling/PSEUDOCODE.md": b"### sample"}, SPEC
    )


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_end_soon(name):
    start = time.process_time()
    report = look(BOMBS[name].encode()[: 256 * 1024])
    assert time.process_time() - start < 5
    assert set(report) == {
        "violations",
        "suspicions",
        "errors",
        "size",
        "pseudocode",
        "signatures",
        "branches",
    }


@pytest.mark.parametrize("name", ["unary", "sum", "elif", "statements", "calls"])
def test_what_was_too_much_to_check_does_not_count_as_clean(name):
    report = look(BOMBS[name].encode()[: 256 * 1024])
    assert [v["rule"] for v in report["violations"]] == ["depth"]
    assert report["violations"] == report["errors"]


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        (b"\xef\xbb\xbfx = 1\n", 1, "byte-order mark"),
        (b"x = 1\ny = '\xff'\n", 2, "not UTF-8"),
        (b"x = 1\n\n\0", 3, "null byte"),
        (b"# -*- coding: latin-1 -*-\n", 1, "encoding"),
        (b"#!/usr/bin/python\n# vim: set fileencoding=gbk :\n", 2, "encoding"),
        (b"# -*- coding: utf-8-sig -*-\n", 1, "encoding"),
        (b"x = 1\r# coding: utf-7\r", 2, "encoding"),
        ("x = 1\ny = '\u202e'\n".encode(), 2, "reorders"),
        (b"\xff\xfex\0", 1, "null byte"),
        ("x = '\ud800'".encode("utf-8", "surrogatepass"), 1, "not UTF-8"),
    ],
)
def test_anything_but_plain_utf8_is_refused(source, line, words):
    (found,) = look(source)["errors"]
    assert (found["rule"], found["line"]) == ("encoding", line)
    assert words in found["en"]
    assert look(source)["violations"] == [found]


def test_a_utf8_cookie_is_fine():
    assert look(b"# -*- coding: UTF_8 -*-\nx = '\xe4\xbd\xa0'\n")["errors"] == []


def test_a_syntax_error_is_an_error_with_its_line_and_no_violation():
    report = look(b"x = 1\ndef f(:\n    pass\n")
    (found,) = report["errors"]
    assert (found["rule"], found["line"]) == ("syntax", 2)
    assert found["zh"].startswith("solution.py 第 2 行：语法错误")
    assert report["violations"] == []


def test_one_broken_file_does_not_hide_another():
    sources = {"exercises/sampling/a.py": b"(", "exercises/sampling/solution.py": b"import os"}
    report = inspect(sources, SPEC)
    assert [e["file"] for e in report["errors"]] == ["exercises/sampling/a.py"]
    assert [v["rule"] for v in report["violations"]] == ["import"]
