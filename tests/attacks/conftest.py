"""The attacks that were chosen, graded in one run of the real command line, honest submissions among them."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest

from .corpus import EVERY, Attack, Stage, contents, hand_in, hand_in_right, open_course

collect_ignore_glob = ["exercises/*", "*/*/*"]  # hostile, or for the grader's own pytest

HONEST = "~honest"


@dataclass(frozen=True)
class CorpusRun:
    """What one run over the corpus did, and what it left behind."""

    watched: object  # tests/conftest.py: WatchedRun
    jobs: Mapping[str, list[dict]]  # by submission
    stage: Stage
    before: Mapping[str, object]
    after: Mapping[str, object]
    honest: Sequence[tuple[str, str]]  # submission, exercise

    def job(self, name: str, exercise: str) -> dict:
        """Return one job of scores.json."""
        return next(j for j in self.jobs[name] if j["exercise"] == exercise)

    def job_of_honest(self, exercise: str) -> dict:
        """Return what an honest submission of this exercise got."""
        return self.job(next(name for name, of in self.honest if of == exercise), exercise)


def _with_honest(attacks: Sequence[Attack]) -> list[tuple[str, str]]:
    """Name the honest submissions, and what each hands in: one after every few attacks, all exercises."""
    chosen = {a.exercise: a for a in attacks} | {
        f"{a.exercise} {i}": a for i, a in enumerate(attacks[::EVERY])
    }
    return sorted({(a.name + HONEST, a.exercise) for a in chosen.values()})


@pytest.fixture(scope="session")
def corpus_run(request, tmp_path_factory, make_course, watched_run):
    """Return the run over the chosen attacks of a device: corpus_run("cpu"). Tests only look at it."""
    chosen = [
        i.callspec.params["attack"]
        for i in request.session.items
        if "attack" in getattr(i, "fixturenames", ())
    ]

    @functools.cache
    def run(device: str) -> CorpusRun:
        attacks = [attack for attack in chosen if attack.device == device]
        folder = tmp_path_factory.mktemp("attacks")
        stage = Stage(folder / "stage")
        course = make_course(folder / "course")
        open_course(course.root)
        stage.plant_in(course.root)
        for attack in attacks:
            hand_in(attack, course.root, stage.words(course.root))
        honest = _with_honest(attacks)
        for name, exercise in honest:
            handed_in = hand_in_right(course.root, exercise, name)
            stage.plant_in_submission(handed_in)
        ours = lambda: contents(stage.folder) | contents(course.root)  # noqa: E731
        before = ours()
        arguments = ("run", "--device", device, "--slots", "2")
        watched = watched_run(course, folder, *arguments, **stage.environment)
        stage.ears.close()
        return CorpusRun(watched, course.jobs(), stage, before, ours(), honest)

    return run
