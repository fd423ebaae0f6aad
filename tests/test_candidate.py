"""One worker plays the course's own solutions by turns, each as if it were alone in it."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from grader.candidate import Candidate, NotLoaded
from grader.exercise import read_exercise
from grader.job import Reason
from grader.plugin import Case
from grader.remote import StudentError
from grader.verdict import PASSED
from grader.wall.choice import build_wall
from grader.wall.probe import best_tier
from grader.wall.worker import Killed

COUNTING = """
calls = []

def largest(x, k):
    calls.append(k)
    print("answered", k)
    return [{number} + len(calls)]
"""


@pytest.fixture(scope="module")
def exercise(pytestconfig):
    folder = pytestconfig.rootpath / "tests" / "behaviours" / "course" / "exercises" / "vectors"
    return read_exercise(folder)


@pytest.fixture(scope="module")
def wall(exercise):
    built = build_wall(best_tier().tier, ("grader.inside.policy", *exercise.preload), "cpu", ())
    yield built
    built.close()


@pytest.fixture
def candidate(wall, exercise):
    with Candidate(wall, exercise, {}, "cpu") as opened:
        yield opened


def become(candidate, exercise, source, **options):
    return candidate.become(exercise.solution_files(source), ours=False, **options)


def test_nothing_of_the_last_solution_is_left(candidate, exercise):
    assert not become(candidate, exercise, COUNTING.format(number=100))
    first = candidate.module(fresh=False)
    assert [first.largest(1, 1), first.largest(1, 2)] == [[101], [102]]
    assert become(candidate, exercise, COUNTING.format(number=200))
    assert candidate.take_output() == ""
    second = candidate.module(fresh=False)
    assert second.largest(1, 3) == [201]
    assert candidate.take_output() == "answered 3\n"
    assert not second.has("normalise")


def test_an_instance_of_the_last_solution_is_void(candidate, exercise):
    become(candidate, exercise, exercise.reference_source())
    mean = candidate.module(fresh=False).Mean()
    become(candidate, exercise, exercise.reference_source())
    candidate.module(fresh=False)
    with pytest.raises(StudentError):
        len(mean)


def test_a_fresh_worker_is_another_one(candidate, exercise):
    source = "import sys\n\nsys.loads = getattr(sys, 'loads', 0) + 1\n"
    source += "\ndef largest(x, k):\n    return [sys.loads]\n"
    seen = []
    for fresh in (False, False, True):
        assert become(candidate, exercise, source, fresh=fresh) is (len(seen) == 1)
        seen += candidate.module(fresh=False).largest(1, 1)
    assert seen == [1, 2, 1]


def test_what_is_asked_once_is_known_until_it_becomes_another(candidate, exercise):
    asked = []

    def ask(what):
        asked.append(what)
        return len(asked) if what != "raise" else 1 / 0

    become(candidate, exercise, exercise.reference_source())
    with pytest.raises(ZeroDivisionError):
        candidate.once(ask, "raise")
    assert [candidate.once(ask, what) for what in ("first", "second")] == [2, 2]
    become(candidate, exercise, exercise.reference_source() + "\n")
    assert candidate.once(ask, "third") == 3


def test_what_a_mistake_keeps_between_calls_is_gone_in_the_next_test(candidate, exercise):
    files = exercise.solution_files(
        "KEPT = []\n\ndef largest(x, k):\n    KEPT.append(k)\n    return list(KEPT)\n"
    )
    for k in (1, 2):
        candidate.become(files, ours=False)
        assert candidate.module(fresh=False).largest(1, k) == [k]


def test_a_replay_ends_with_one_answer_too_many_and_its_worker_goes_on(candidate, exercise):
    def asks(student):
        for k in (1, 2, 3):
            student.largest(k, k)

    become(candidate, exercise, COUNTING.format(number=10))
    bench = SimpleNamespace(exercise=exercise, seed=1, device="cpu")
    case = Case(SimpleNamespace(obj=asks, name="asks"), exercise.tests[0], bench, {})
    for most, answers, cut in ((1, ([11], [12]), True), (5, ([13], [14], [15]), False)):
        replay = case.run(candidate, most)
        assert (replay.answers, replay.cut, replay.whole) == (answers, cut, True)
        assert replay.verdict == PASSED


def test_what_one_uses_up_is_not_held_against_the_next(candidate, exercise):
    """Three of them take more together than one may; a worker that has done half of it is replaced."""
    busy = "import time\n\ndef largest(x, k):\n    end = time.process_time() + 0.55\n"
    busy += "    while time.process_time() < end:\n        pass\n    return []\n"
    kept = []
    for _ in range(4):
        kept.append(become(candidate, exercise, busy))
        assert candidate.left.cpu == pytest.approx(exercise.limits.cpu, abs=0.1)
        assert candidate.module(fresh=False).largest(1, 1) == []
    assert kept == [False, True, True, False]


def test_who_is_called_when_the_whole_jobs_time_is_up_is_not_to_blame(wall, exercise):
    short = replace(exercise, limits=replace(exercise.limits, wall=1.0))
    files = short.solution_files("def largest(x, k):\n    while True:\n        pass\n")
    with Candidate(wall, short, files, "cpu") as candidate:
        with pytest.raises(Killed) as killed:
            candidate.module(fresh=False).largest(1, 1)
        assert (killed.value.reason, killed.value.seconds) == (Reason.WALL, None)
        assert candidate.patience.seconds("largest") == short.limits.call


def test_after_a_death_there_is_a_new_worker(candidate, exercise):
    become(candidate, exercise, "import os\n\ndef largest(x, k):\n    os._exit(3)\n")
    with pytest.raises(Killed) as ended:
        candidate.module(fresh=False).largest(1, 1)
    candidate.settle(ended.value)
    assert not become(candidate, exercise, exercise.reference_source())
    assert candidate.module(fresh=False).has("largest")


def test_another_that_differs_upstream_is_refused(candidate, exercise):
    become(candidate, exercise, exercise.reference_source())
    candidate.module(fresh=False)
    other = {**exercise.solution_files(exercise.reference_source()), exercise.pseudocode_path: b"another"}
    candidate.become(other, ours=False)
    with pytest.raises(NotLoaded):
        candidate.module(fresh=False)
