"""What every report shows: one sanitised view of the results, with the totals computed once.

A `Row` is one submission's result of one exercise, its `cases` one per row of the tests table. All text
of students has been through `sanitise` here; formats add only their own escaping. Nothing secret is
in a view: no seed, no margins, and output of public tests only.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from grader.job import (
    NO_TEXT,
    JobResult,
    Reason,
    Score,
    State,
    Status,
    TestResult,
    TestSpec,
    Text,
    score_test,
)
from grader.reports.wording import EXPLANATIONS, Outcome
from grader.sanitise import line, plain

MESSAGE = 8_000  # characters of one message, hint or notice
OUTPUT = 20_000  # characters of a public test's output


@dataclass(frozen=True, slots=True)
class Case:
    """How one test of the table ended for one submission."""

    spec: TestSpec
    outcome: Outcome
    score: Score
    reason: Reason | None = None
    fraction: float = 0.0
    seconds: float = 0.0
    message: Text = NO_TEXT
    hint: Text = NO_TEXT
    output: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One submission's result of one exercise. Build it with `make_row`."""

    submission: str
    exercise: str
    title: Text
    commit: str
    device: str
    state: State
    cases: tuple[Case, ...]
    score: Score
    seconds: float = 0.0
    wall: str = ""
    memory_limit: str = ""
    notice: Text = NO_TEXT
    fault: str = ""  # the grader's own traceback: for a terminal of the instructor only


def make_row(result: JobResult, specs: Iterable[TestSpec], title: Text, commit: str = "") -> Row:
    """Score `result` against an exercise's tests table and make its texts harmless."""
    ended = {test.name: test for test in result.tests}
    blame = {State.MISSING: Outcome.MISSING, State.UNGRADED: Outcome.UNGRADED}.get(result.state)
    cases = tuple(_make_case(spec, ended.get(spec.name), blame) for spec in specs)
    return Row(
        submission=line(result.submission, 100),
        exercise=result.exercise,
        title=title,
        commit=line(commit, 64),
        device=result.device,
        state=result.state,
        cases=cases,
        score=sum((case.score for case in cases), Score()),  # as `score_job`, which a test asserts
        seconds=_duration(result.seconds),
        wall=result.wall,
        memory_limit=result.memory_limit,
        notice=_clean(result.notice) or (EXPLANATIONS[blame] if blame else NO_TEXT),
        fault=plain(result.fault, OUTPUT),
    )


def combine(results: Sequence[JobResult]) -> JobResult:
    """Merge one job's results from several devices: each later one fills only what was ungradable so far."""
    order = [State.GRADED, State.MISSING, State.UNGRADED]
    first, *others = sorted(results, key=lambda result: order.index(result.state))
    for other in others:
        better = {t.name: t for t in other.tests if t.status is not Status.UNGRADABLE}
        tests = tuple(better.get(t.name, t) if t.status is Status.UNGRADABLE else t for t in first.tests)
        if tests != first.tests:
            seconds = first.seconds + other.seconds
            first = replace(first, tests=tests, device=f"{first.device}+{other.device}", seconds=seconds)
    return first


@dataclass(frozen=True, slots=True)
class Gradebook:
    """All rows of a report, ordered by submission and then by exercise as in `exercises`.

    `created` is an ISO 8601 time; `versions` are (name, version) pairs of what graded. Two rows for the
    same submission and exercise are a mistake of the caller (see `combine`): ValueError.
    """

    rows: tuple[Row, ...]
    course: Text = NO_TEXT
    created: str = ""
    versions: tuple[tuple[str, str], ...] = ()
    exercises: tuple[str, ...] = ()
    _of: Mapping[str, tuple[Row, ...]] = field(init=False, repr=False, compare=False)
    _totals: Mapping[str, Score] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        known = dict.fromkeys((*self.exercises, *sorted({row.exercise for row in self.rows})))
        place = {name: index for index, name in enumerate(known)}
        rows = tuple(sorted(self.rows, key=lambda row: (row.submission, place[row.exercise])))
        if len({(row.submission, row.exercise) for row in rows}) != len(rows):
            raise ValueError("a gradebook holds one row per submission and exercise")
        of = {name: tuple(group) for name, group in groupby(rows, key=lambda row: row.submission)}
        totals = {name: sum((row.score for row in group), Score()) for name, group in of.items()}
        object.__setattr__(self, "rows", rows)
        object.__setattr__(self, "exercises", tuple(known))
        object.__setattr__(self, "_of", of)
        object.__setattr__(self, "_totals", totals)

    @property
    def submissions(self) -> tuple[str, ...]:
        """Names of all submissions, sorted."""
        return tuple(self._totals)

    @property
    def walls(self) -> tuple[str, ...]:
        """Sandbox tiers the results were made behind: `("A",)` in the usual case."""
        return tuple(sorted({row.wall for row in self.rows if row.wall}))

    @property
    def approximate_memory(self) -> bool:
        """Say whether any result was made with memory limits that only a watchdog kept."""
        return any(row.memory_limit == "approximate" for row in self.rows)

    def total(self, submission: str) -> Score:
        """Return the sum over all exercises of one submission."""
        return self._totals[submission]

    def of(self, submission: str) -> tuple[Row, ...]:
        """Return the rows of one submission in the order of the exercises."""
        return self._of[submission]

    def row(self, submission: str, exercise: str) -> Row | None:
        """Return the row of one job, or None where there is no result."""
        return next((row for row in self.of(submission) if row.exercise == exercise), None)

    def title(self, exercise: str) -> Text:
        """Return an exercise's title, or its name where no row knows one."""
        return next((row.title for row in self.rows if row.exercise == exercise), Text(exercise, exercise))


def _make_case(spec: TestSpec, result: TestResult | None, blame: Outcome | None) -> Case:
    if blame is Outcome.UNGRADED:
        points = Score(ungradable=0.0 if spec.bonus else spec.points)
        return Case(spec, blame, points, message=EXPLANATIONS[blame])
    if result is None:
        absent = blame or Outcome.NOT_RUN
        return Case(spec, absent, score_test(spec, None), message=EXPLANATIONS[absent])
    outcome = Outcome(result.status)
    return Case(
        spec,
        outcome,
        score_test(spec, result),
        reason=result.reason,
        fraction=result.fraction,
        seconds=_duration(result.seconds),
        message=_clean(result.message) or EXPLANATIONS.get(outcome, NO_TEXT),
        hint=_clean(result.hint),
        output=plain(result.output, OUTPUT).rstrip("\n") if spec.public else "",
    )


def _clean(text: Text) -> Text:
    return Text(plain(text.en, MESSAGE).strip("\n"), plain(text.zh, MESSAGE).strip("\n"))


def _duration(seconds: float) -> float:
    """Make a measured time fit to print, whatever a clock did meanwhile."""
    return round(seconds, 3) if math.isfinite(seconds) and seconds > 0 else 0.0
