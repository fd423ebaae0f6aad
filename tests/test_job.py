"""The score arithmetic."""

from grader.job import JobResult, Score, State, Status, TestResult, TestSpec, Text, score_job

TITLE = Text("title", "题目")
TABLE = (
    TestSpec("test_a", 60, TITLE),
    TestSpec("test_b", 40, TITLE),
    TestSpec("test_gpu", 5, TITLE, devices=("cuda",)),
    TestSpec("test_extra", 10, TITLE, bonus=True),
)


def graded(*tests):
    return JobResult("x", "alice", "cpu", State.GRADED, tests)


def test_points_bonus_and_maximum_are_kept_apart():
    result = graded(TestResult("test_a", Status.PASSED, 1.0), TestResult("test_extra", Status.PASSED, 1.0))
    assert score_job(TABLE, result) == Score(points=60, maximum=105, bonus=10)


def test_ungradable_points_leave_the_maximum_and_are_shown():
    result = graded(TestResult("test_gpu", Status.UNGRADABLE))
    assert score_job(TABLE, result) == Score(points=0, maximum=100, ungradable=5)


def test_a_test_without_an_outcome_earns_nothing():
    assert score_job(TABLE, graded()) == Score(points=0, maximum=105)


def test_a_fraction_earns_its_share():
    assert score_job(TABLE, graded(TestResult("test_b", Status.FAILED, 0.25))).points == 10


def test_an_outcome_that_is_not_in_the_table_earns_nothing():
    assert score_job(TABLE, graded(TestResult("test_forged", Status.PASSED, 1.0))).points == 0


def test_a_fault_of_the_grader_costs_nobody_a_point():
    score = score_job(TABLE, JobResult("x", "alice", "cpu", State.UNGRADED))
    assert score.maximum == 0
    assert score.ungradable == 105


def test_a_missing_submission_has_the_full_maximum():
    assert score_job(TABLE, JobResult("x", "alice", "cpu", State.MISSING)) == Score(maximum=105)
