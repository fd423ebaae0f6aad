"""What Gradescope and GitHub Classroom read has the points of all other reports, and nothing hidden."""

import json

import pytest

from grader.reports.classroom import classroom
from grader.reports.gradescope import gradescope
from grader.reports.write import write_formats

from .conftest import HIDDEN_SEED


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_gradescope_gets_every_test_and_the_total(book, lang):
    for name in book.submissions:
        document = json.loads(gradescope(book, name, lang))
        total = book.total(name)
        assert document["score"] == total.total
        tests = document["tests"]
        assert len(tests) == sum(len(row.cases) for row in book.of(name))
        assert sum(test["score"] for test in tests) == pytest.approx(total.total)
        assert sum(test["max_score"] for test in tests) == pytest.approx(total.maximum)
        assert {test.get("status") for test in tests} <= {"passed", "failed", None}
        assert all(test["output_format"] == "text" for test in tests)
        assert document["stdout_visibility"] == "hidden"


def test_gradescope_says_neither_passed_nor_failed_of_what_was_not_gradable(book):
    tests = {test["name"]: test for test in json.loads(gradescope(book, "alice", "en"))["tests"]}
    cuda = tests["Llama from scratch: L3 · on the GPU"]
    assert "status" not in cuda
    assert (cuda["score"], cuda["max_score"]) == (0, 0)
    bonus = tests["Sampling: S3 · min-p (bonus)"]
    assert (bonus["score"], bonus["max_score"], bonus["status"]) == (5, 0, "passed")


def test_classroom_adds_up_to_the_total(book):
    for name in book.submissions:
        document = json.loads(classroom(book, name, "en"))
        assert document["version"] == 1
        assert document["max_score"] == book.total(name).maximum
        assert sum(test["score"] for test in document["tests"]) == pytest.approx(book.total(name).total)
        assert {test["status"] for test in document["tests"]} <= {"pass", "fail", "error"}
        right = all(test["status"] == "pass" for test in document["tests"])
        assert document["status"] == ("pass" if right else "fail")


@pytest.mark.parametrize("make", [gradescope, classroom])
def test_they_hold_nothing_hidden_and_nothing_that_acts(book, make):
    text = "\n".join(make(book, name, "en").decode() for name in book.submissions)
    assert str(HIDDEN_SEED) not in text
    assert "hidden output" not in text
    assert "::set-output" not in text
    assert "\\u001b" not in text


def test_one_file_for_each_submission_and_format(book, tmp_path):
    paths = write_formats(book, tmp_path, ("gradescope", "classroom"), "en")
    assert len(paths) == 2 * len(book.submissions)
    assert sorted({path.parent.name for path in paths}) == ["classroom", "gradescope"]
    assert all(json.loads(path.read_bytes()) for path in paths)
