"""One job of a slot runs at a time: what another one has started delays nobody meanwhile."""

import os
import time

import pytest

from grader.job import Limits, Reason
from grader.wall.cgroup import JobCgroup

LIMITS = Limits(cpu=60, wall=60, call=30, memory=256, processes=80, files=64, scratch=8, output=64)
SPINNERS = 60
SPIN = f"""
import os, time
for i in range({SPINNERS}):
    if os.fork() == 0:
        while True: time.sleep(0.3) if i % 2 else None
answer = "spinning"
"""


@pytest.fixture(params=["cgroup", "signals"])
def means(request, monkeypatch):
    """How jobs are halted: by the cgroup where there is one, or by signals."""
    if request.param == "signals":
        monkeypatch.setattr(JobCgroup, "freeze", lambda self: False)
    return request.param


def spin(shell):
    """Have it leave busy and sleeping processes behind."""
    shell.run(SPIN, 30)
    time.sleep(0.1)


def used(shell, seconds=0.5):
    """Return the CPU time that a job uses in so many seconds."""
    before = shell.worker.cpu_seconds()
    time.sleep(seconds)
    return shell.worker.cpu_seconds() - before


@pytest.mark.parametrize("tier", ["A", "C"])
def test_a_job_rests_while_another_one_is_served(open_shell, means, tier):
    first = open_shell(tier, LIMITS)
    spin(first)
    assert used(first) > 0.05
    second = open_shell(tier, LIMITS)
    for _ in range(2):
        assert used(first) < 0.02, means
        assert second.run("answer = 'here'") == "here"
        assert first.run("answer = 'here'", 20) == "here"
        assert used(first) > 0.05, "its turn"
        assert second.run("answer = 'here'") == "here"


@pytest.mark.parametrize("tier", ["A", "C"])
def test_a_job_that_rests_is_ended_like_any_other(open_shell, means, tier):
    first = open_shell(tier, LIMITS)
    spin(first)
    open_shell(tier, LIMITS)
    begin = time.monotonic()
    first.worker.kill()
    assert first.worker.gone
    assert time.monotonic() - begin < 10


FORKS = {
    "parents that wait": "if (child := os.fork()) == 0: os._exit(0)\n            os.waitpid(child, 0)",
    "chains": "if os.fork(): os._exit(0)",
}


@pytest.mark.parametrize("forks", FORKS)
def test_what_forks_all_the_time_rests_too(open_shell, means, forks):
    first = open_shell("A", LIMITS)
    first.run(
        f"""
import os
for _ in range(8):
    if os.fork() == 0:
        while True:
            {FORKS[forks]}
answer = ""
""",
        30,
    )
    open_shell("A", LIMITS)
    assert used(first) < 0.05, means


def test_opening_a_worker_beside_spinners_takes_no_longer_than_alone(open_shell, means):
    """Before, 1.6 to 3.7 s beside sixty of them on one core."""
    cores = os.sched_getaffinity(0)
    first = open_shell("A", LIMITS)
    spin(first)

    def seconds():
        begin = time.monotonic()
        shell = open_shell("A", LIMITS)
        took = time.monotonic() - begin
        shell.worker.kill()
        return took

    os.sched_setaffinity(0, {min(cores)})
    try:
        beside = min(seconds() for _ in range(5))
    finally:
        os.sched_setaffinity(0, cores)
        first.worker.kill()
    alone = min(seconds() for _ in range(5))
    assert beside < alone + 0.2, means


def test_what_the_judge_does_for_a_job_is_the_jobs_time(open_shell):
    """Before, only waiting counted: a job could have the judge work for it for minutes."""
    shell = open_shell("A", Limits(cpu=10, wall=1, call=30, memory=256, processes=24))
    with shell.worker.deadline(30):
        time.sleep(0.6)
    assert shell.worker.waited >= 0.6
    with shell.worker.deadline(30):
        time.sleep(0.6)
    killed = shell.end("answer = ''")
    assert killed.reason is Reason.WALL
    assert killed.detail == "the whole job took too long"


def test_a_job_beyond_a_limit_is_not_taken_for_one_ended_from_outside(open_shell):
    """Its worker ends by itself, and while that is asked after, the watch ends all the rest of it.

    Before, such a job was ungraded.
    """
    shell = open_shell("A", LIMITS)
    worker = shell.worker

    def found_meanwhile(seconds):
        worker._watch.found = Reason.MEMORY, "used more than it may"
        worker._keeper.kill()
        return asked(seconds)

    asked, worker._status.exit_code = worker._status.exit_code, found_meanwhile
    worker._status._line = lambda word: None  # the init had no time to say how the worker ended
    assert shell.end("import os; os._exit(1)").reason is Reason.MEMORY
