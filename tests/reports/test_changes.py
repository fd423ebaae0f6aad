"""Whose score changed, by how much, and why."""

import csv
import io
import json
from dataclasses import replace

from grader.job import JobResult, State, Status, TestResult, TestSpec, Text
from grader.reports.changes import changes, changes_csv, changes_json
from grader.reports.scores_json import submission_score
from grader.reports.view import Gradebook, make_row

SPECS = (TestSpec("test_a", 60, Text("a", "甲")), TestSpec("test_b", 40, Text("b", "乙")))
TESTS = (TestResult("test_a", Status.PASSED, 1.0), TestResult("test_b", Status.FAILED))
PASSED = (TESTS[0], TestResult("test_b", Status.PASSED, 1.0))


def book(specs=SPECS, tests=TESTS, state=State.GRADED):
    result = JobResult("x", "alice", "cpu", state, tests)
    return Gradebook((make_row(result, specs, Text("X", "某")),))


def lines(before, after):
    earlier = [submission_score(before, name) for name in before.submissions]
    return [change.line for change in changes(earlier, after)]


def test_equal_results_change_nothing():
    assert lines(book(), book()) == []


def test_a_change_of_points_names_the_tests():
    specs = (replace(SPECS[0], points=70), replace(SPECS[1], points=30))
    assert lines(book(), book(specs)) == [
        "alice x: 60/100 -> 70/100 (+10: test_a 60/60 -> 70/70, test_b 0/40 -> 0/30)"
    ]


def test_a_change_of_outcome_names_the_test():
    assert lines(book(tests=PASSED), book()) == ["alice x: 100/100 -> 60/100 (-40: test_b 40/40 -> 0/40)"]


def test_new_and_removed_tests_are_named():
    specs = (SPECS[0], TestSpec("test_c", 40, Text("c", "丙")))
    now = book(specs, (TESTS[0], TestResult("test_c", Status.PASSED, 1.0)))
    assert lines(book(), now) == ["alice x: 60/100 -> 100/100 (+40: test_c is new, test_b is gone)"]


def test_a_job_that_was_missing_names_no_tests():
    assert lines(book(tests=(), state=State.MISSING), book()) == [
        "alice x: 0/100 -> 60/100 (+60: missing -> graded)"
    ]


def test_many_tests_are_counted():
    specs = tuple(TestSpec(f"test_{i}", 10, Text("a", "甲")) for i in range(10))
    passed = tuple(TestResult(spec.name, Status.PASSED, 1.0) for spec in specs)
    (line,) = lines(book(specs, ()), book(specs, passed))
    assert line.endswith("test_7 0/10 -> 10/10, 2 more)")


def test_a_submission_that_is_new_or_gone_is_no_change():
    gone = Gradebook(())
    assert lines(gone, book(tests=PASSED)) == lines(book(), gone) == []


def test_programs_read_the_same():
    before = submission_score(book(), "alice")
    found = list(changes([before], book(tests=PASSED)))
    (row,) = csv.DictReader(io.StringIO(changes_csv(found), newline=""))
    assert (row["before"], row["after"], row["change"]) == ("60", "100", "40")
    assert row["because of"] == "test_b 0/40 -> 40/40"
    (change,) = json.loads(changes_json(found))
    assert (change["submission"], change["by"], change["tests"][0]["after"]) == ("alice", 40.0, [40.0, 40.0])
