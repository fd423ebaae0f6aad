"""Say whose score differs from an earlier one, by how much, and because of which tests."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from grader.job import State
from grader.reports.scores_json import JobScore, Points, SubmissionScore, TestScore, submission_score
from grader.reports.view import Gradebook
from grader.sanitise import csv_cell

MOST_NAMED = 8  # tests in one line


class TestChange(Struct, frozen=True):
    """One test that counts otherwise. A test that is new or gone has no points before or after."""

    __test__ = False

    name: str
    before: Annotated[tuple[float, float] | None, Meta(description="points earned, and what it was worth")]
    after: Annotated[tuple[float, float] | None, Meta(description="the same now")]

    @property
    def words(self) -> str:
        """Say it in short: `test_a 0/4 -> 4/4`."""
        if self.before is None or self.after is None:
            return f"{self.name} is {'new' if self.before is None else 'gone'}"
        (had, was), (earned, worth) = self.before, self.after
        return f"{self.name} {had:g}/{was:g} -> {earned:g}/{worth:g}"


class Change(Struct, frozen=True):
    """One job whose score differs."""

    submission: str
    exercise: str
    by: Annotated[float, Meta(description="points and bonus now, less those before")]
    before: Points
    after: Points
    states: Annotated[tuple[State, State], Meta(description="graded, missing or ungraded; before and after")]
    tests: tuple[TestChange, ...]

    @property
    def why(self) -> str:
        """Name what made the difference."""
        if self.states[0] != self.states[1]:
            return f"{self.states[0]} -> {self.states[1]}"
        named = [test.words for test in self.tests[:MOST_NAMED]]
        more = len(self.tests) - len(named)
        return ", ".join(named) + (f", {more} more" if more else "")

    @property
    def line(self) -> str:
        """Say it in one line."""
        points = f"{_words(self.before)} -> {_words(self.after)}"
        return f"{self.submission} {self.exercise}: {points} ({self.by:+g}: {self.why})"


def changes(earlier: Iterable[SubmissionScore], book: Gradebook) -> Iterator[Change]:
    """Yield the jobs whose points differ from earlier ones. What was not there before is no change."""
    present = set(book.submissions)
    for then in earlier:
        if then.name not in present:
            continue
        now = {job.exercise: job for job in submission_score(book, then.name).jobs}
        for job in then.jobs:
            if job.exercise in now and job.score != now[job.exercise].score:
                yield _change(then.name, job, now[job.exercise])


def changes_csv(found: Iterable[Change]) -> str:
    """Write changes as a table for a spreadsheet."""
    text = StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["submission", "exercise", "before", "after", "change", "because of"])
    for change in found:
        before, after = _total(change.before), _total(change.after)
        row = [change.exercise, f"{before:g}", f"{after:g}", f"{change.by:g}", change.why]
        writer.writerow([csv_cell(change.submission), *row])
    return text.getvalue()


def changes_json(found: Iterable[Change]) -> bytes:
    """Write changes as a JSON list."""
    return msgspec.json.format(msgspec.json.encode(list(found)), indent=2) + b"\n"


def _change(submission: str, then: JobScore, now: JobScore) -> Change:
    by = round(_total(now.score) - _total(then.score), 6)
    tests = tuple(_tests(then, now))
    return Change(submission, now.exercise, by, then.score, now.score, (then.state, now.state), tests)


def _tests(then: JobScore, now: JobScore) -> Iterator[TestChange]:
    before = {test.name: test for test in then.tests}
    for test in now.tests:
        was = before.pop(test.name, None)
        if was is None or _earned(was) != _earned(test):
            yield TestChange(test.name, _earned(was) if was else None, _earned(test))
    yield from (TestChange(name, _earned(was), None) for name, was in before.items())


def _earned(test: TestScore) -> tuple[float, float]:
    return test.score.points + test.score.bonus, test.worth


def _total(points: Points) -> float:
    return points.points + points.bonus


def _words(points: Points) -> str:
    bonus = f" +{points.bonus:g}" if points.bonus else ""
    return f"{points.points:g}/{points.maximum:g}{bonus}"
