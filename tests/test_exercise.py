"""A broken exercise.yaml is reported with file and line."""

from pathlib import Path

import pytest

from grader.errors import ContentError
from grader.exercise import read_exercise

GOOD = """\
title: {en: Demo, zh: 演示}
interface:
  functions: [double]
  optional: []
tests:
  test_double:
    points: 90
    title: {en: "D1 · doubles", zh: "D1 · 加倍"}
  test_again:
    points: 10
    title: {en: "D2 · doubles again", zh: "D2 · 再次加倍"}
    requires: [test_double]
"""


@pytest.fixture
def folder(tmp_path):
    for name in ("reference", "starter"):
        (tmp_path / "demo" / name).mkdir(parents=True)
        (tmp_path / "demo" / name / "solution.py").write_text("def double(x):\n    return 2 * x\n")
        (tmp_path / "demo" / name / "PSEUDOCODE.md").write_text("### double\n")
    return tmp_path / "demo"


def read(folder: Path, text: str):
    (folder / "exercise.yaml").write_text(text, encoding="utf-8")
    return read_exercise(folder)


def test_a_good_manifest_is_read(folder):
    exercise = read(folder, GOOD)
    assert exercise.title.zh == "演示"
    assert [spec.points for spec in exercise.tests] == [90, 10]
    assert exercise.test("test_again").requires == ("test_double",)


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("points: 90", "points: ninety", 7, "must be a number"),
        ("points: 90", "points: 80", 6, "sum to 90, not to 100"),
        ("points: 90", "point: 90", 7, "unknown key 'point'"),
        ("requires: [test_double]", "requires: [test_dubble]", 12, "not an earlier row"),
        ("requires: [test_double]", "visibility: open", 12, "hidden or public"),
        ("requires: [test_double]", "devices: [tpu]", 12, "unknown device"),
        ("requires: [test_double]", "needs: [luck]", 12, "unknown need 'luck'; known: model, compiler"),
        ("title: {en: Demo, zh: 演示}", "title: {en: Demo}", 1, "'zh' is missing"),
        ("title: {en: Demo, zh: 演示}", "title: Demo", 1, "must be a mapping"),
        ("optional: []", "optional: [triple]", 4, "neither a function nor a class"),
        ("test_again:", "test_double:", 9, "stands twice"),
        ("points: 10", "points: {", 12, "not valid YAML"),
        ("interface:", "limits: {cpu: 0}\ninterface:", 2, "more than zero"),
    ],
)
def test_a_mistake_is_reported_with_its_line(folder, old, new, line, problem):
    with pytest.raises(ContentError, match=problem) as error:
        read(folder, GOOD.replace(old, new))
    assert error.value.line == line
    assert f"exercise.yaml:{line}:" in str(error.value)


def test_a_missing_file_is_named(folder):
    (folder / "starter" / "solution.py").unlink()
    with pytest.raises(ContentError, match=r"starter/solution\.py: this file is missing"):
        read(folder, GOOD)


def test_points_do_not_change_the_digest_but_code_does(folder):
    before = read(folder, GOOD).digest()
    assert read(folder, GOOD.replace("90", "80").replace("10\n", "20\n")).digest() == before
    (folder / "reference" / "solution.py").write_text("def double(x):\n    return x + x\n")
    assert read(folder, GOOD).digest() != before
