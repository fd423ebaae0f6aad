"""A race says how much faster a submission is, whatever else its job does; a busy machine costs no points."""

from dataclasses import replace

import pytest
import torch

from grader import timing
from grader.candidate import Candidate
from grader.checks import WrongAnswer, assert_equal
from grader.exercise import read_exercise
from grader.job import Job, Status
from grader.remote import StudentError
from grader.schedule import plan_slots, run_jobs
from grader.timing import SPARE, WARM_UP, NotMeasured, Race, Window
from grader.wall.launch import Wall
from grader.wall.probe import best_tier

WORK = 200_000  # additions, some 10 ms
SOLUTION = """
import os, threading, time

def dot(a, b):
    for _ in range({work}):
        pass
    {also}
    return (a * b).sum(-1)

def burn():
    while True:
        pass
"""
NEW_TEST = """

def test_race(race, student, rng, earn):
    \"\"\"Not slower than the reference.\"\"\"
    a = rng.normal(30, 3)
    earn(race(baseline=lambda m, i: m.dot(a[i], a[i]), student=lambda m, i: m.dot(a[i], a[i]), rounds=5))
"""
NEW_ROW = """tests:
  test_race:
    points: 0
    title: {en: Race, zh: 竞速}
"""


def solution(work=WORK, also="pass"):
    return SOLUTION.format(work=work, also=also)


@pytest.fixture(scope="module")
def wall():
    with Wall("A", ("torch",)) as wall:
        yield wall


@pytest.fixture
def open_candidate(wall, course):
    exercise = read_exercise(course.exercise)
    exercise = replace(exercise, limits=replace(exercise.limits, cpu=60, wall=120))
    opened = []

    def open_(source, ours=False):
        files = {exercise.solution_path: source.encode()}
        opened.append(Candidate(wall, exercise, files, "cpu", ours=ours))
        return opened[-1]

    yield open_
    for candidate in opened:
        candidate.__exit__(None, None, None)


@pytest.fixture
def patient(monkeypatch):
    """Let a race be measured on a machine however busy: CPU times still tell twice from thrice the work."""
    monkeypatch.setattr(timing, "MOST_WALL", float("inf"))


@pytest.fixture
def race(open_candidate):
    """Race a solution against a reference, both given as sources."""

    def run(source, reference, rounds=6, **options):
        candidate = open_candidate(source)
        a = torch.ones(40, 3)
        this = Race(candidate, candidate.module(fresh=False), lambda: open_candidate(reference, ours=True))
        call = lambda m, i: m.dot(a[i], a[i] * i)  # noqa: E731
        return this(**{"baseline": call, "student": call, "rounds": rounds, **options})

    return run


def test_a_reference_of_three_times_the_work_is_three_times_as_slow(patient, race):
    assert 2 < race(solution(), solution(3 * WORK)) < 4.5


def test_equal_work_is_a_draw(patient, race):
    assert 0.6 < race(solution(), solution()) < 1.6


@pytest.mark.parametrize(
    "also",
    [
        "threading.Thread(target=burn, daemon=True).start() if threading.active_count() == 1 else None",
        "os.fork() or burn()",
        "if os.fork() == 0:\n        if os.fork() == 0: burn()\n        os._exit(0)\n    os.wait()",
    ],
    ids=["thread", "children", "orphans"],
)
def test_work_behind_the_judges_back_is_cost(patient, race, also):
    """However little of a core the burner gets on a busy machine, it is far from free."""
    reference = solution(10 * WORK)  # so much that the wire's own cost, which swings with the load, is little
    at_rest = race(solution(1), reference, rounds=3)
    assert race(solution(1, also), reference, rounds=3) < at_rest / 3


def test_work_during_the_references_windows_does_not_stop_the_race(patient, race):
    """Else a loser could have himself declared unmeasurable."""
    burner = solution(1, "threading.Thread(target=burn, daemon=True).start()")
    assert race(burner, solution(1, "time.sleep(0.02)"), rounds=3) < 1


def test_what_waits_more_than_it_works_is_not_measured(race):
    with pytest.raises(NotMeasured):
        race(solution(), solution(1, "time.sleep(0.05)"))


def test_every_round_has_inputs_of_its_own_and_every_answer_is_checked(patient, race):
    seen = []

    def check(i, answer):
        seen.append(i)
        assert_equal(answer, torch.tensor(3.0 * i), what="product")

    race(solution(), solution(), rounds=4, check=check)
    assert seen[:WARM_UP] == list(range(WARM_UP))
    assert seen == sorted(set(seen))
    assert WARM_UP + 4 <= len(seen) <= WARM_UP + 4 + SPARE


def test_a_wrong_answer_ends_the_race(patient, race):
    def check(i, answer):
        assert_equal(answer, torch.tensor(-1.0), what="product")

    with pytest.raises(WrongAnswer):
        race(solution(), solution(), check=check)


def test_each_side_is_set_up_once(patient, race):
    made = []

    def setup(module):
        made.append(module)
        return module.dot

    def call(dot, i):
        return dot(torch.ones(2), torch.ones(2))

    race(solution(), solution(), rounds=3, setup=setup, baseline=call, student=call)
    assert len(made) == 2


def test_a_failing_student_is_the_students_a_failing_reference_ours(patient, race):
    with pytest.raises(StudentError):
        race(solution(also="raise ValueError"), solution())
    with pytest.raises(RuntimeError, match="the reference failed"):
        race(solution(), solution(also="raise ValueError"))
    with pytest.raises(RuntimeError, match="the reference failed"):
        race(solution(), "import nothing_of_this_name")


@pytest.mark.parametrize(
    ("cpu", "wall", "other", "fair"),
    [
        (1, 1, 0, True),
        (1, 9.9, 0, True),
        (1, 10.1, 0, False),
        (1, 0.9, 0, False),
        (1, 10.1, 0.04, False),
        (1, 10.1, 0.06, True),
    ],
)
def test_only_a_window_with_the_student_at_rest_can_be_unfair(cpu, wall, other, fair):
    assert Window(cpu, wall, other).fair is fair


@pytest.mark.parametrize(
    ("also", "status"),
    [("sum(range(200_000))", Status.PASSED), ("__import__('time').sleep(0.05)", Status.UNGRADABLE)],
)
def test_a_hidden_test_can_race(course, also, status):
    course.edit("exercise.yaml", "tests:\n", NEW_ROW)
    with course.hidden_tests.open("a") as file:
        file.write(NEW_TEST)
    course.edit("reference/solution.py", "    return (a * b)", f"    {also}\n    return (a * b)")
    job = Job("vectors", "passes", "cpu", course.files("passes"), seed=1, tests=("test_race",))
    plan = plan_slots([read_exercise(course.exercise)], best_tier().tier, "cpu")
    (result,) = run_jobs([job], plan, slots=1)
    assert result.fault == ""
    assert [test.status for test in result.tests] == [status]
