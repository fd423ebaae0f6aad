"""What every report shows: one sanitised view of the results, with the totals computed once.

A `Row` is one submission's result of one exercise, its `cases` one per row of the tests table. All text
of students has been through `sanitise` here; formats add only their own escaping. Nothing secret is
in a view: no seed, no margins, and output of public tests only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

from grader.job import (
    KIT_SHARE,
    NO_TEXT,
    Ending,
    JobResult,
    JobSummary,
    Place,
    Reason,
    ResultT,
    Score,
    State,
    Status,
    TestResult,
    TestSpec,
    Text,
    add_up,
    score_job,
    score_test,
)
from grader.reports.wording import EXPLANATIONS, GRADED_TWICE, NO_BETTER, ON_KIT, SAME_CAUSE, Outcome, number
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
    kit: float | None = None
    seconds: float = 0.0
    message: Text = NO_TEXT
    hint: Text = NO_TEXT
    place: Place | None = None
    output: str = ""
    told: bool = False  # by an earlier case with the same cause, which the message names


@dataclass(frozen=True, slots=True)
class Row:
    """One submission's result of one exercise. Build it with `make_row`, or `outline` without texts."""

    submission: str
    exercise: str
    title: Text
    commit: str
    device: str
    state: State
    cases: tuple[Case, ...]
    score: Score
    own: Score = field(default_factory=Score)  # on the student's own earlier exercises
    kit: Score | None = None  # with what was graded again on the published kit of these in full
    seconds: float = 0.0
    wall: str = ""
    memory_limit: str = ""
    model: str = ""  # a real checkpoint that was used
    notice: Text = NO_TEXT
    fault: str = ""  # the grader's own traceback: for a terminal of the instructor only
    files: tuple[tuple[str, int], ...] = ()  # the student's Python files, with their numbers of lines
    graded: str = ""  # ISO 8601 time


def make_row(
    result: JobResult, specs: Iterable[TestSpec], title: Text, commit: str = "", graded: str = ""
) -> Row:
    """Score `result` against an exercise's tests table and make its texts harmless."""
    specs = tuple(specs)
    ended = {test.name: test for test in result.tests}
    own = add_up(score_test(spec, ended.get(spec.name), lambda test: test.fraction) for spec in specs)
    kit = add_up(score_test(spec, ended.get(spec.name), _on_kit) for spec in specs)
    again = any(test.kit is not None for test in result.tests)
    blame = {State.MISSING: Outcome.MISSING, State.UNGRADED: Outcome.UNGRADED}.get(result.state)
    cases = _told_once(_make_case(spec, ended.get(spec.name), blame) for spec in specs)
    return Row(
        submission=line(result.submission, 100),
        exercise=result.exercise,
        title=title,
        commit=line(commit, 64),
        device=result.device,
        state=result.state,
        cases=cases,
        score=add_up(case.score for case in cases),  # as `score_job`, which a test asserts
        own=own,
        kit=kit if again else None,
        seconds=_duration(result.seconds),
        wall=result.wall,
        memory_limit=result.memory_limit,
        model=line(result.model, 200),
        notice=_notice(result, own, kit if again else None) or (EXPLANATIONS[blame] if blame else NO_TEXT),
        fault=plain(result.fault, OUTPUT),
        files=result.files,
        graded=graded,
    )


def outline(
    result: JobSummary, specs: Iterable[TestSpec], title: Text, commit: str = "", graded: str = ""
) -> Row:
    """Score `result` and leave its cases and texts out: what tables show of it."""
    return Row(
        submission=line(result.submission, 100),
        exercise=result.exercise,
        title=title,
        commit=line(commit, 64),
        device=result.device,
        state=result.state,
        cases=(),
        score=score_job(specs, result),
        seconds=_duration(result.seconds),
        wall=result.wall,
        memory_limit=result.memory_limit,
        fault=plain(result.fault, OUTPUT),
        graded=graded,
    )


def combine(results: Sequence[ResultT]) -> ResultT:
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

    The rows of a large class are outlines, and `load` makes the whole ones of one submission when they are
    asked for. `origins` digests, by submission, everything that these are made of.
    """

    rows: tuple[Row, ...]
    course: Text = NO_TEXT
    created: str = ""
    versions: tuple[tuple[str, str], ...] = ()
    exercises: tuple[str, ...] = ()
    load: Callable[[str], tuple[Row, ...]] | None = field(default=None, repr=False, compare=False)
    origins: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    _of: Mapping[str, tuple[Row, ...]] = field(init=False, repr=False, compare=False)
    _totals: Mapping[str, Score] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        known = dict.fromkeys((*self.exercises, *sorted({row.exercise for row in self.rows})))
        place = {name: index for index, name in enumerate(known)}
        rows = tuple(sorted(self.rows, key=lambda row: (row.submission, place[row.exercise])))
        if len({(row.submission, row.exercise) for row in rows}) != len(rows):
            raise ValueError("a gradebook holds one row per submission and exercise")
        of = {name: tuple(group) for name, group in groupby(rows, key=lambda row: row.submission)}
        totals = {name: add_up(row.score for row in group) for name, group in of.items()}
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
        """Return the rows of one submission, whole, in the order of the exercises."""
        if self.load is None:
            return self._of[submission]
        whole = {row.exercise: row for row in self.load(submission)}
        return tuple(whole[row.exercise] for row in self._of[submission])

    def only(self, submissions: Container[str], exercises: Container[str]) -> Gradebook:
        """Return the part of these submissions and exercises."""
        rows = (r for r in self.rows if r.submission in submissions and r.exercise in exercises)
        kept = (name for name in self.exercises if name in exercises)
        return replace(self, rows=tuple(rows), exercises=tuple(kept))

    def row(self, submission: str, exercise: str) -> Row | None:
        """Return the row of one job, without its cases if there are many; None where there is no result."""
        return next((row for row in self._of[submission] if row.exercise == exercise), None)

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
        kit=result.kit,
        seconds=_duration(result.seconds),
        message=_message(result) or EXPLANATIONS.get(outcome, NO_TEXT),
        hint=_clean(result.hint),
        place=result.place if result.place and _is_plain(result.place.file) else None,
        output=plain(result.output, OUTPUT).rstrip("\n") if spec.public else "",
    )


def _told_once(cases: Iterable[Case]) -> tuple[Case, ...]:
    """Let each case that ended as an earlier one did, for the same cause, say no more than that."""
    first: dict[object, Case] = {}
    return tuple(_beside(case, first.setdefault(_cause(case), case)) for case in cases)


def _beside(case: Case, known: Case) -> Case:
    if known is case:
        return case
    en, zh = known.spec.title.en or known.spec.name, known.spec.title.zh or known.spec.name
    same = Text(SAME_CAUSE.en.format(en), SAME_CAUSE.zh.format(zh))
    message = _joined(same, _kit_note(case.fraction, case.kit))
    return replace(case, message=message, hint=NO_TEXT if case.hint == known.hint else case.hint, told=True)


def _cause(case: Case) -> object:
    """Return what makes two losses one: the same kind of exception at the same line, or the same words."""
    if case.outcome not in (Outcome.FAILED, Outcome.ERROR) or not case.message:
        return case.spec.name
    kind = case.message.en.partition("\n")[0]
    return (case.place, kind.partition(":")[0]) if case.place else (None, kind)


def _on_kit(test: Ending) -> float:
    return max(test.fraction, test.kit or 0.0)


def _notice(result: JobResult, own: Score, kit: Score | None) -> Text:
    """Return what concerns the whole job, with both scores where it was graded twice."""
    notice = _clean(result.notice)
    if kit is None or not kit.total:  # nothing works, or public tests alone, which carry no points
        return notice
    if kit.total == own.total:
        return _joined(notice, NO_BETTER)
    scores = _fill(GRADED_TWICE, number(own.total), number(kit.total), number(100 * KIT_SHARE))
    return _joined(notice, scores)


def _message(result: TestResult) -> Text:
    return _joined(_clean(result.message), _kit_note(result.fraction, result.kit))


def _kit_note(fraction: float, kit: float | None) -> Text:
    """Say what a test was worth on the published kit, where that counts."""
    counted = KIT_SHARE * (kit or 0.0)
    if kit is None or counted <= fraction:
        return NO_TEXT
    return _fill(ON_KIT, number(100 * kit), number(100 * counted))


def _fill(text: Text, *values: str) -> Text:
    return Text(text.en.format(*values), text.zh.format(*values))


def _joined(first: Text, second: Text) -> Text:
    return Text(f"{first.en}\n{second.en}".strip("\n"), f"{first.zh}\n{second.zh}".strip("\n"))


def _clean(text: Text) -> Text:
    return Text(plain(text.en, MESSAGE).strip("\n"), plain(text.zh, MESSAGE).strip("\n"))


def _is_plain(path: str) -> bool:
    """Say whether a path can be shown as it is; spelled out, it would name another file."""
    return line(path, len(path)) == path


def _duration(seconds: float) -> float:
    """Make a measured time fit to print, whatever a clock did meanwhile."""
    return round(seconds, 3) if math.isfinite(seconds) and seconds > 0 else 0.0
