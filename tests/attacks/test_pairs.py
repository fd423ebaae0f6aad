"""Who is graded after an exhausting attack, on the same slot, gets what is due alone."""

import functools
from dataclasses import replace

import pytest

from grader.exercise import read_exercise
from grader.job import Job, State
from grader.schedule import grade_here, open_slot, plan_slots
from grader.submission.snapshot import snapshot
from grader.wall.probe import best_tier

from .corpus import Stage, hand_in, hand_in_right, open_course, read_corpus

ATTACKS = [a for a in read_corpus() if a.folder.parent.name == "exhausting" and a.device == "cpu"]
SECONDS = 300


class Pairs:
    """One slot of a course of the corpus's exercises, and what the honest get there alone."""

    def __init__(self, root, stage):
        self.root, self.words = root, stage.words(root)
        self.exercises = {path.name: read_exercise(path) for path in (root / "exercises").iterdir()}
        self._plan = plan_slots(self.exercises.values(), best_tier().tier, "cpu")
        self._pool = open_slot(self._plan, 0)  # all it does keeps to one core
        self.alone = functools.cache(self.honest)

    def grade(self, name, exercise):
        """Grade what is handed in under this name. Fails where the slot dies of it."""
        files = snapshot(self.root / "submissions" / name, list(self.exercises)).files
        job = Job(exercise, name, "cpu", files, seed=1)
        try:
            return self._pool.submit(grade_here, job).result(SECONDS)
        except Exception:
            self.close()
            self._pool = open_slot(self._plan, 0)
            raise

    def honest(self, exercise):
        """Grade a right submission."""
        name = f"honest-{exercise}"
        if not (self.root / "submissions" / name).exists():
            hand_in_right(self.root, exercise, name)
        return told(self.grade(name, exercise))

    def attack(self, attack):
        """Grade an attack."""
        hand_in(attack, self.root, self.words)
        return self.grade(attack.name, attack.exercise)

    def close(self):
        self._pool.shutdown(wait=True, cancel_futures=True)


def told(result):
    """Return all of a result that anybody is told, but for how long it took."""
    assert result.state is State.GRADED, result.fault
    return [replace(test, seconds=0.0) for test in result.tests]


@pytest.fixture(scope="module")
def pairs(tmp_path_factory, make_course):
    folder = tmp_path_factory.mktemp("pairs")
    course = make_course(folder / "course")
    open_course(course.root)
    stage = Stage(folder / "stage")
    pairs = Pairs(course.root, stage)
    yield pairs
    pairs.close()
    stage.ears.close()


@pytest.mark.parametrize("attacker", ATTACKS, ids=lambda attack: attack.name)
def test_the_next_one_gets_what_is_due(pairs, attacker):
    alone = pairs.alone(attacker.exercise)
    assert {test.status for test in alone} <= {"passed", "ungradable"}
    result = pairs.attack(attacker)
    assert result.state is State.GRADED, result.fault
    assert pairs.honest(attacker.exercise) == alone
