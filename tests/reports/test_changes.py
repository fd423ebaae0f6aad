"""Whose score changed since the last report, and why."""

from dataclasses import replace

from grader.job import JobResult, State, Status, TestResult, TestSpec, Text
from grader.reports.changes import changes
from grader.reports.scores_json import scores_json
from grader.reports.view import Gradebook, make_row

SPECS = (TestSpec("test_a", 60, Text("a", "甲")), TestSpec("test_b", 40, Text("b", "乙")))
TESTS = (TestResult("test_a", Status.PASSED, 1.0), TestResult("test_b", Status.FAILED))


def book(specs=SPECS, tests=TESTS):
    result = JobResult("x", "alice", "cpu", State.GRADED, tests)
    return Gradebook((make_row(result, specs, Text("X", "某")),))


def test_equal_results_change_nothing():
    assert list(changes(scores_json(book()), book())) == []


def test_a_change_of_points_names_the_tests():
    specs = (replace(SPECS[0], points=70), replace(SPECS[1], points=30))
    lines = list(changes(scores_json(book()), book(specs)))
    assert lines == ["alice x: 60/100 -> 70/100 (test_a 60/60 -> 70/70, test_b 0/40 -> 0/30)"]


def test_a_change_of_outcome_names_the_test():
    tests = (TESTS[0], TestResult("test_b", Status.PASSED, 1.0))
    assert list(changes(scores_json(book()), book(tests=tests))) == [
        "alice x: 60/100 -> 100/100 (test_b 0/40 -> 40/40)"
    ]


def test_new_and_removed_tests_are_named():
    specs = (SPECS[0], TestSpec("test_c", 40, Text("c", "丙")))
    lines = list(
        changes(scores_json(book()), book(specs, (TESTS[0], TestResult("test_c", Status.PASSED, 1.0))))
    )
    assert lines == ["alice x: 60/100 -> 100/100 (test_c is new, test_b is gone)"]


def test_what_is_no_report_is_compared_with_nothing():
    assert list(changes(None, book())) == []
    assert list(changes(b"{}", book())) == []
