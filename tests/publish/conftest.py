"""Services on loopback, and a gradebook whose places, texts and states are of every kind."""

import pytest

from grader.job import JobResult, Place, State, Status, TestResult, TestSpec, Text
from grader.reports.view import Gradebook, make_row
from grader.targets import Patience

from .service import Service

HASTY = Patience(timeout=0.5, attempts=3, pause=0.001)
COMMIT = "c" * 40
TABLE = (
    TestSpec("test_public", 0.0, Text("P1 · by hand", "P1 · 手算"), public=True),
    TestSpec("test_dot", 20.0, Text("V1 · dot", "V1 · 点积"), hint=Text("Sum.", "求和。")),
    TestSpec("test_sum", 30.0, Text("V2 · sum", "V2 · 求和")),
    TestSpec("test_gpu", 50.0, Text("V3 · GPU", "V3 · GPU"), devices=("cuda",)),
    TestSpec("test_angle", 5.0, Text("B1 · angle", "B1 · 夹角"), bonus=True),
)
TITLES = {"vectors": Text("Vectors", "向量"), "matrices": Text("Matrices", "矩阵")}
RAISED = "your code raised ValueError: no (exercises/vectors/solution.py:7, in dot)"
FILES = (("exercises/vectors/solution.py", 10), ("exercises/vectors/more.py", 3))


def job(name, exercise="vectors", *, state=State.GRADED, wall="A", notice="", **ends):
    """Return a result; a test that is not named has passed."""
    tests = tuple(ends.get(s.name, TestResult(s.name, Status.PASSED, 1.0)) for s in TABLE)
    tests = tuple(
        TestResult(s.name, t) if isinstance(t, Status) else t for s, t in zip(TABLE, tests, strict=True)
    )
    return JobResult(
        exercise, name, "cpu", state, tests if state is State.GRADED else (), seconds=2.0, wall=wall,
        notice=Text(notice, notice), files=FILES,
    )  # fmt: skip


def failed(name, message=RAISED, status=Status.ERROR, **more):
    more = {"place": Place("exercises/vectors/solution.py", 7)} | more
    return TestResult(
        name, status, message=Text(message, message.replace("your code raised", "你的代码抛出了")), **more
    )


def book_of(*jobs, commit=COMMIT):
    rows = [make_row(j, TABLE, TITLES[j.exercise], commit, "2026-01-01T10:00:00+00:00") for j in jobs]
    return Gradebook(
        tuple(rows), Text("Course", "课程"), "2026-02-02", (), tuple(dict.fromkeys(j.exercise for j in jobs))
    )


@pytest.fixture
def service():
    with Service() as running:
        yield running
