"""Whatever stands in a manifest, reading it ends in what it says or in one line with file and line number."""

from __future__ import annotations

import re
from dataclasses import astuple

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.course import read_course
from grader.errors import ContentError
from grader.exercise import Exercise, read_exercise
from tests.protocol.strategies import CASES

EXERCISE = """\
title: {en: Demo, zh: 演示}
requires: [upstream]
preload: [torch]
limits: {cpu: 3, wall: 8, call: 5.5, memory: 256, processes: 16, files: 64, scratch: 8, output: 64}
interface:
  functions: [double, half]
  classes: {Mean: [add, __len__]}
  optional: [half]
policy:
  imports: [math]
  names: {torch: [ones]}
  banned: [torch.softmax]
  poison: [torch.nn.RMSNorm]
tests:
  test_double:
    points: 80
    title: {en: "D1 · doubles", zh: "D1 · 加倍"}
    hint: &hint {en: "Twice.", zh: "两倍。"}
    visibility: public
  test_again:
    points: 10
    title: {en: "D2 · again", zh: "D2 · 再次"}
    hint: *hint
    requires: [test_double]
    devices: [cpu, cuda]
    needs: [compiler]
    fresh: true
  test_more:
    points: 5
    bonus: true
    title: {en: "D3 · more", zh: "D3 · 更多"}
shared:
  test_silent: 10
"""
COURSE = "title: {en: C, zh: 课}\nwall: auto\nexercises: [demo, upstream]\nstudent: false\n"
UPSTREAM = """\
title: {en: Up, zh: 上}
interface: {functions: [up]}
tests: {test_up: {points: 100, title: {en: U, zh: 上}}}
"""
# What yaml, Python or the file system may stumble over, as a word of a manifest or as a line of its own.
NASTY = (
    "{", "}", "[", "]", ",", ":", "? ", "- ", "&a ", "*a", "*hint", "&x [*x]", "<<: *hint", "<<", "=", "|",
    ">", "%YAML 9.9", "---", "...", "!!python/object:os.system", "!!int x", "!!float x", "!!bool x",
    "!!binary é", "!!timestamp x", "!!null x", "!!set {a}", "!unknown x",
    "2001-99-99", "2001-01-01", "0x_", "0b_", "08",
    "1_000", "190:20:30", "1e999", ".nan", "-.inf", "9" * 5000, "1" * 400, "-1", "0.5", "1e8", "~", "null",
    "yes", "on", '"', "'", '"\\ud800"', '"\\0"', '"\\x1b[2J"', "\x00", "\x07", "\x85", "\u2028", "\ufeff",
    "\t", "\r", "#", "[" * 3000, "{a: " * 400, "x" * 300, "demo", "upstream", "..", "../demo", "a/b", '""',
    '" "', "test_" + "x" * 300, "test_é", "double", "[a, [b]]", "{a: {b: c}}", "{en: a\nzh: b}", "zh",
    "points",
    "title", "true", "{}", "[]",
)  # fmt: skip
WORDS = re.compile(r"\w+|[^\w\s]|\s+")


@st.composite
def edited(draw: st.DrawFn, text: str) -> str:
    """Draw a manifest with a few words replaced, taken out, doubled or put in."""
    words = WORDS.findall(text)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(words) - 1))
        new = draw(st.sampled_from(NASTY) | st.sampled_from(words) | st.text(max_size=4))
        match draw(st.sampled_from(["replace", "insert", "remove", "line", "cut"])):
            case "replace":
                words[at] = new
            case "insert":
                words.insert(at, new)
            case "remove":
                del words[at : at + draw(st.integers(1, 8))]
            case "line":
                words.insert(at, f"\n{new}\n")
            case "cut":
                del words[at + 1 :]
        words = words or [""]
    return "".join(words)


KEYS = sorted({"published", "signatures", "extra", *re.findall(r"(\w+):", EXERCISE + COURSE)})
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates()
    | st.text(max_size=8) | st.sampled_from(KEYS),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=25,
)  # fmt: skip
WRITTEN = st.dictionaries(st.sampled_from(KEYS), DATA, max_size=8).map(
    lambda data: yaml.safe_dump(data, allow_unicode=True)
)


def bytes_of(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Two exercises, one of which builds on the other."""
    root = tmp_path_factory.mktemp("course")
    for name in ("demo", "upstream"):
        for folder in ("reference", "starter", "kit"):
            (root / "exercises" / name / folder).mkdir(parents=True)
            (root / "exercises" / name / folder / "solution.py").write_text("def double(x): return 2 * x\n")
            (root / "exercises" / name / folder / "PSEUDOCODE.md").write_text("### double\n")
    (root / "exercises" / "upstream" / "exercise.yaml").write_text(UPSTREAM, encoding="utf-8")
    return root


def outcome(path, content, read):
    """Write a manifest and read it; a ContentError must be one line that says where."""
    path.write_bytes(content)
    try:
        return read()
    except ContentError as error:
        check(error, path, lines=content.count(b"\n") + content.count(b"\r") + 2)
        return error


def check(error, path, lines):
    assert str(error).isprintable()  # one line, without control characters
    assert error.path == path
    assert error.line in range(1, lines + 1)
    assert str(error).startswith(f"{path}:{error.line}: ")


def read_demo(course, content):
    folder = course / "exercises" / "demo"
    read = outcome(folder / "exercise.yaml", content, lambda: read_exercise(folder))
    if isinstance(read, Exercise):
        assert all(limit > 0 for limit in astuple(read.limits))
        assert [name for name in read.interface.names if not name.isidentifier()] == []
        assert len({spec.name for spec in read.tests}) == len(read.tests)
        assert all(spec.title.en is not None for spec in read.tests)
    return read


@settings(max_examples=CASES)
@given(edited(EXERCISE) | WRITTEN | st.text(max_size=60))
def test_any_exercise_is_read_or_refused_with_its_line(course, text):
    read_demo(course, bytes_of(text))


@settings(max_examples=CASES)
@given(edited(COURSE) | WRITTEN | st.text(max_size=60))
def test_any_course_is_read_or_refused_with_its_line(course, text):
    (course / "exercises" / "demo" / "exercise.yaml").write_text(EXERCISE, encoding="utf-8")
    outcome(course / "grader.yaml", bytes_of(text), lambda: read_course(course).exercises())


@settings(max_examples=CASES // 4)
@given(st.binary(max_size=40), st.integers(0, len(EXERCISE.encode())))
def test_bytes_that_are_no_text_are_refused_with_their_line(course, data, at):
    whole = EXERCISE.encode()
    read_demo(course, whole[:at] + data + whole[at:])


@pytest.mark.parametrize("word", NASTY)
def test_each_nasty_word_as_a_value(course, word):
    for old in ("points: 80", "requires: [upstream]", "cpu: 3", "fresh: true", "[double, half]", "en: Demo"):
        assert EXERCISE.count(old) == 1
        key = old.split(":")[0] if ":" in old else "functions"
        new = f"{key}: {word}" if ":" in old else word
        read_demo(course, bytes_of(EXERCISE.replace(old, new)))


def test_the_manifests_that_are_spoiled_here_are_good(course):
    assert read_demo(course, EXERCISE.encode()).name == "demo"
    (course / "grader.yaml").write_text(COURSE, encoding="utf-8")
    assert [e.name for e in read_course(course).exercises()] == ["demo", "upstream"]
