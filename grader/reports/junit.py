"""Write one submission's results as JUnit XML, valid against Jenkins' junit-10 schema.

One suite per exercise, one case per row of its tests table. The schema allows properties on suites
only, so points stand there: `points`, `max_points`, `bonus_points`, `ungradable_points` of the suite,
and `points.TEST`, `max_points.TEST` (or `bonus_points.TEST`, `max_bonus_points.TEST`) of each case. Where a
job was graded again on the published kit: `own_points`, `kit_points`, and `kit_share.TEST`.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO

from junitparser import Error, Failure, JUnitXml, Properties, Property, Skipped, TestCase, TestSuite
from junitparser.junitparser import FinalResult

from grader.reports.view import Case, Gradebook, Row
from grader.reports.wording import HINT, Lang, Outcome, number, outcome_words, say
from grader.sanitise import line

_KINDS: dict[Outcome, type[FinalResult]] = {
    Outcome.FAILED: Failure,
    Outcome.MISSING: Failure,
    Outcome.NOT_RUN: Failure,
    Outcome.ERROR: Error,
    Outcome.KILLED: Error,
    Outcome.VIOLATION: Error,
    Outcome.SKIPPED: Skipped,
    Outcome.UNGRADABLE: Skipped,
    Outcome.UNGRADED: Skipped,  # an error would look like the student's fault
}


def junit(book: Gradebook, submission: str, lang: Lang) -> bytes:
    """Return the XML document of one submission."""
    document = JUnitXml(submission)
    suites = [_suite(row, book.created, lang) for row in book.of(submission)]
    document.extend(suites)
    # Not `update_statistics`: it adds an attribute that the schema does not know.
    document.tests = sum(suite.tests for suite in suites)
    document.failures = sum(suite.failures for suite in suites)
    document.errors = sum(suite.errors for suite in suites)
    document.time = round(sum(suite.time for suite in suites), 3)
    buffer = BytesIO()
    document.write(buffer)
    return buffer.getvalue()


def _suite(row: Row, created: str, lang: Lang) -> TestSuite:
    suite = TestSuite(row.exercise)
    suite.timestamp = created or None
    properties = Properties()
    for name, value in _properties(row):
        properties.add_property(Property(name, value))
    suite.append(properties)
    suite.extend([_case(row, case, lang) for case in row.cases])
    suite.update_statistics()
    return suite


def _properties(row: Row) -> Iterator[tuple[str, str]]:
    yield "state", row.state
    yield "points", _exact(row.score.points)
    yield "max_points", _exact(row.score.maximum)
    yield "bonus_points", _exact(row.score.bonus)
    yield "ungradable_points", _exact(row.score.ungradable)
    if row.kit is not None:
        yield "own_points", _exact(row.own.total)
        yield "kit_points", _exact(row.kit.total)
    for case in row.cases:
        prefix = "bonus_points" if case.spec.bonus else "points"
        maximum = case.spec.points if case.spec.bonus else case.score.maximum
        yield f"{prefix}.{case.spec.name}", _exact(case.score.total)
        yield f"max_{prefix}.{case.spec.name}", _exact(maximum)
        if case.kit is not None:
            yield f"kit_share.{case.spec.name}", _exact(case.kit)
    facts = (
        ("device", row.device),
        ("wall", row.wall),
        ("memory_limit", row.memory_limit),
        ("model", row.model),
        ("commit", row.commit),
    )
    yield from ((name, value) for name, value in facts if value)


def _case(row: Row, case: Case, lang: Lang) -> TestCase:
    element = TestCase(case.spec.name, row.exercise, case.seconds)
    if kind := _KINDS.get(case.outcome):
        type_ = f"{case.outcome} ({case.reason})" if case.reason else str(case.outcome)
        message = line(say(case.message, lang), 500) or outcome_words(case.outcome, case.reason, lang)
        if case.outcome is Outcome.UNGRADED:
            message = f"ungraded: {message}"
        result = kind(message, type_)
        result.text = _details(row, case, lang)
        element.append(result)
    said = [] if kind else [say(case.message, lang)]  # why a passed test has only a part of its points
    if text := "\n".join(part for part in (*said, case.output) if part):
        element.system_out = text
    return element


def _details(row: Row, case: Case, lang: Lang) -> str:
    """Return what a student reads: title, message, hint, and the job's notice on its first failing case."""
    parts = [say(case.spec.title, lang), say(case.message, lang)]
    if case.hint:
        parts.append(f"{say(HINT, lang)}: {say(case.hint, lang)}")
    if case is next(c for c in row.cases if c.outcome is not Outcome.PASSED) and row.notice != case.message:
        parts.append(say(row.notice, lang))
    return "\n".join(part for part in parts if part)


def _exact(points: float) -> str:
    return number(points, places=6)
