"""Say whose score differs from the last report's, by how much, and because of which tests."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from grader.reports.scores_json import JobScore, Scores, decode, scores_json
from grader.reports.view import Gradebook


def changes(before: bytes | None, book: Gradebook) -> Iterator[str]:
    """Yield one line per submission and exercise whose points differ from those in `before`.

    `before` is an earlier scores.json. What is not one, or of another schema, is compared with nothing.
    """
    try:
        old = _jobs(decode(before)) if before is not None else {}
    except msgspec.MsgspecError:
        return
    for (name, exercise), now in _jobs(decode(scores_json(book))).items():
        then = old.get((name, exercise))
        if then is not None and then.score != now.score:
            yield f"{name} {exercise}: {_points(then)} -> {_points(now)} ({_why(then, now)})"


def _jobs(scores: Scores) -> dict[tuple[str, str], JobScore]:
    return {(s.name, job.exercise): job for s in scores.submissions for job in s.jobs}


def _points(job: JobScore) -> str:
    bonus = f" +{job.score.bonus:g}" if job.score.bonus else ""
    return f"{job.score.points:g}/{job.score.maximum:g}{bonus}"


def _why(then: JobScore, now: JobScore) -> str:
    """Name the tests whose points, or share of them, changed."""
    before = {test.name: test for test in then.tests}
    named = []
    for test in now.tests:
        was = before.pop(test.name, None)
        if was is None:
            named.append(f"{test.name} is new")
            continue
        earned = test.score.points + test.score.bonus
        had = was.score.points + was.score.bonus
        if (had, was.worth) != (earned, test.worth):
            named.append(f"{test.name} {had:g}/{was.worth:g} -> {earned:g}/{test.worth:g}")
    named += [f"{name} is gone" for name in before]
    return ", ".join(named) or f"{then.state} -> {now.state}"
