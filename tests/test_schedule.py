"""Slots that die: the job at fault is tried again alone, and no other loses anything."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from grader import schedule
from grader.errors import UngradedError
from grader.exercise import read_exercise
from grader.job import Job, JobResult, State
from grader.schedule import SlotPlan, Waiting, plan_slots, run_jobs
from grader.wall.probe import best_tier

FIRST_LINE = '    """Places come as a list of plain numbers, the largest value\'s first."""\n'
KILL = "os.kill(os.getpid(), signal.SIGKILL)  # the hidden test runs in the slot itself"
KILL_TEMPLATE = (
    "for child in pathlib.Path(f'/proc/{os.getpid()}/task/{os.getpid()}/children').read_text().split():\n"
    "            os.kill(int(child), signal.SIGKILL)"
)


def kill_the_slot(course, condition):
    course.edit(
        "hidden_tests/test_vectors.py",
        "import torch\n",
        "import os\nimport pathlib\nimport signal\nimport torch\n",
    )
    course.edit("hidden_tests/test_vectors.py", FIRST_LINE, f"{FIRST_LINE}    {condition}\n")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory, make_course):
    """Results by (exercise, submission) and the order of starts of jobs, some of which kill their slot."""
    folder = tmp_path_factory.mktemp("schedule")
    sound, once, always, cold = courses = [
        make_course(folder / name, exercise=name) for name in ("sound", "once", "always", "cold")
    ]
    for course, kill in ((once, KILL), (cold, KILL_TEMPLATE)):
        marker = folder / f"{course.name}-killed"
        if_new = f"marker = pathlib.Path({str(marker)!r})\n    if not marker.exists():"
        kill_the_slot(course, f"{if_new}\n        marker.touch()\n        {kill}")
    kill_the_slot(always, KILL)
    files = sound.files("passes")
    right = {path.replace("/sound/", "/{}/"): content for path, content in files.items()}
    names = [("sound", "a"), ("once", "b"), ("sound", "c"), ("always", "d"), ("sound", "e"), ("sound", "f")]
    names.append(("cold", "g"))
    jobs = [
        Job(exercise, who, "cpu", {path.format(exercise): content for path, content in right.items()}, seed=1)
        for exercise, who in names
    ]
    plan = plan_slots([read_exercise(c.exercise) for c in courses], best_tier().tier, "cpu")
    started = []
    results = list(run_jobs(jobs, plan, 2, lambda who, what: started.append((what, who))))
    assert sorted((r.exercise, r.submission) for r in results) == sorted(names)
    return {(r.exercise, r.submission): r for r in results}, started


def test_the_longest_begin_first_and_no_slot_waits_for_whoever_takes_results(tmp_path, make_course):
    quick, slow = (make_course(tmp_path / name, exercise=name) for name in ("quick", "slow"))
    slow.edit("exercise.yaml", "wall: 8,", "wall: 30,")
    files = {course.name: course.files("passes") for course in (quick, slow)}
    names = [("quick", "a"), ("quick", "b"), ("slow", "c")]
    jobs = [Job(exercise, who, "cpu", files[exercise], seed=1) for exercise, who in names]
    plan = plan_slots([read_exercise(c.exercise) for c in (quick, slow)], best_tier().tier, "cpu")
    started = []
    results = run_jobs(jobs, plan, 1, lambda who, what: started.append(who))
    assert next(results).submission == "c"
    assert started == ["c", "a"]  # before anybody has asked for the next result
    assert [r.submission for r in results] == ["a", "b"]


def test_a_slot_keeps_to_its_exercise_and_no_two_begin_the_same_one():
    walls = {"long": 300.0, "a": 60.0, "b": 60.0, "c": 60.0}
    jobs = [Job(exercise, str(i), "cpu", {}) for i in range(3) for exercise in ("a", "b", "c", "long")]
    waiting = Waiting(jobs, SlotPlan("none", "cpu", (), (), walls=walls))
    first, second, taken = "", "", []
    while waiting:
        first = waiting.take(first, [second]).exercise
        second = waiting.take(second, [first]).exercise if waiting else second
        taken.append((first, second))
    both_at_the_longest = [("long", "long"), ("long", "a")]
    each_at_its_own = [("b", "a"), ("b", "a"), ("b", "c"), ("c", "c")]
    assert taken == both_at_the_longest + each_at_its_own


def test_whoever_is_done_helps_where_most_is_left():
    jobs = [Job(exercise, str(i), "cpu", {}) for exercise, n in (("a", 1), ("b", 3)) for i in range(n)]
    waiting = Waiting(jobs, NO_PLAN)
    assert waiting.take("", []).exercise == "a"
    assert waiting.take("a", ["a", "b"]).exercise == "b"
    waiting.put_back(jobs[1])
    assert waiting.take("b", []) is jobs[1]


def test_a_job_whose_slot_died_is_graded_in_the_end(outcome):
    results, started = outcome
    assert results["once", "b"].state is State.GRADED
    assert started.count(("once", "b")) == 2


def test_a_job_that_kills_its_slot_twice_stays_ungraded(outcome):
    results, started = outcome
    lost = results["always", "d"]
    assert lost.state is State.UNGRADED
    assert "died, twice" in lost.fault
    assert lost.tests == ()
    assert started.count(("always", "d")) == 2


@pytest.mark.parametrize(
    ("exercise", "who"), [*(("sound", who) for who in "acef"), ("once", "b"), ("cold", "g")]
)
def test_nobody_loses_anything_to_a_death_of_ours(outcome, exercise, who):
    results, _ = outcome
    tests = results[exercise, who].tests
    assert results[exercise, who].state is State.GRADED
    assert {test.name for test in tests if test.fraction < 1} == {"test_on_gpu"}


@pytest.fixture
def refusing(monkeypatch):
    """Pools that refuse so many jobs, as they do in the instant after the fork server has died.

    That instant cannot be met on purpose, so only here it is pretended.
    """
    refusals = iter(())

    class Pool(ThreadPoolExecutor):
        def submit(self, function, job):
            if next(refusals, False):
                raise ConnectionRefusedError
            return super().submit(function, job)

    def refuse(times):
        nonlocal refusals
        refusals = iter([True] * times)

    monkeypatch.setattr(schedule, "open_slot", lambda plan, core: Pool(1))
    monkeypatch.setattr(
        schedule, "grade_here", lambda job: JobResult("e", job.submission, "cpu", State.GRADED)
    )
    monkeypatch.setattr(schedule, "MOST_REFUSALS", 2)
    return refuse


JOBS = [Job("e", name, "cpu", {}) for name in "abc"]
NO_PLAN = SlotPlan("none", "cpu", (), ())


@pytest.mark.parametrize(("slots", "cores"), [(1, {None}), (2, {0, 1})])
def test_slots_side_by_side_have_cores_of_their_own(refusing, monkeypatch, slots, cores):
    opened, pool = set(), schedule.open_slot
    monkeypatch.setattr(schedule, "open_slot", lambda plan, core: opened.add(core) or pool(plan, core))
    assert len(list(run_jobs(JOBS, NO_PLAN, slots))) == len(JOBS)
    assert opened == cores


def test_a_pool_that_cannot_be_started_is_replaced(refusing):
    refusing(2)
    told = []
    results = list(run_jobs(JOBS, NO_PLAN, 2, failed_once=told.append))
    assert sorted(result.submission for result in results) == ["a", "b", "c"]
    assert told == []


def test_pools_that_can_never_be_started_end_the_run(refusing):
    refusing(99)
    with pytest.raises(UngradedError, match="no process can be started"):
        list(run_jobs(JOBS, NO_PLAN, 2))


# A template that dies while it forks cannot be met on purpose, so only here it is pretended.
DYING = """
import sys
from pathlib import Path
from grader.errors import WallError
from grader.exercise import read_exercise
from grader.job import Job
from grader.slot import Slot
from grader.wall.probe import best_tier

exercise = read_exercise(Path(sys.argv[1]))
files = exercise.solution_files(exercise.reference_source())
slot = Slot(best_tier().tier, exercise.preload, "cpu", {exercise.name: exercise})
really, opened = slot.wall.open, []
def open(limits):
    opened.append(limits)
    if len(opened) == 2:
        raise WallError("a worker could not be confined: it ended without a word")
    return really(limits)
slot.wall.open = open
result = slot.grade(Job(exercise.name, "x", "cpu", files, seed=1, diagnose=False))
slot.close()
print(result.state, len(opened) > 1, "ended without a word" in result.fault)
"""


def test_no_answer_is_at_fault_where_no_worker_can_be_opened(course):
    command = [sys.executable, "-c", DYING, str(course.exercise)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.split() == ["ungraded", "True", "True"]
