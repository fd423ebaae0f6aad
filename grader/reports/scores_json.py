"""Write all results as one JSON document, `scores.json`.

The structs below are the schema: docs/scores.schema.json is made from them, and `decode` refuses what
does not fit. Change them together with `SCHEMA`. All text is sanitised; nothing secret is in here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta, Struct

from grader.job import Place, Reason, Score, State, Text
from grader.reports.view import Case, Gradebook, Row
from grader.reports.wording import Outcome

SCHEMA: Final = 1  # raise it whenever a reader of the old form could be misled


class Points(Struct, frozen=True, forbid_unknown_fields=True):
    """Points, exact to six decimals. `maximum` leaves out bonus and what could not be graded here."""

    points: Annotated[float, Meta(description="required points earned")]
    maximum: Annotated[float, Meta(description="required points that could be earned")]
    bonus: Annotated[float, Meta(description="bonus points earned, on top of `points`")]
    ungradable: Annotated[float, Meta(description="required points that nobody could earn in this run")]


class TestScore(Struct, frozen=True, forbid_unknown_fields=True):
    """How one test ended for one submission."""

    __test__ = False

    name: str
    title: Text
    bonus: bool
    public: Annotated[bool, Meta(description="students have this test")]
    outcome: Outcome
    reason: Annotated[Reason | None, Meta(description="the limit that was hit; null unless killed")]
    worth: Annotated[float, Meta(description="points of this test in the tests table")]
    score: Points
    kit: Annotated[
        float | None, Meta(description="share earned on the published kit; null unless tried there")
    ]
    seconds: Annotated[float, Meta(ge=0)]
    message: Text
    hint: Text
    output: Annotated[str, Meta(description="what the student's code printed; public tests only")]
    place: Annotated[
        Place | None, Meta(description="the line of the student's own files where the code raised")
    ] = None


class JobScore(Struct, frozen=True, forbid_unknown_fields=True):
    """One submission's result of one exercise; tests in the order of the exercise's table."""

    exercise: str
    state: State
    commit: Annotated[str, Meta(description="commit that was graded; empty where there is no repository")]
    device: str
    wall: Annotated[str, Meta(description="sandbox tier A or C, `none` without one")]
    memory_limit: Annotated[str, Meta(description="`cgroup`, or `approximate` where a watchdog kept it")]
    model: Annotated[str, Meta(description="the real checkpoint of `--model`; empty without one")]
    seconds: Annotated[float, Meta(ge=0)]
    score: Points
    own: Annotated[Points, Meta(description="on the student's own earlier exercises")]
    kit: Annotated[Points | None, Meta(description="on the published kit, in full; null unless tried there")]
    notice: Annotated[Text, Meta(description="concerns the whole job, such as an import that failed")]
    tests: tuple[TestScore, ...]


class SubmissionScore(Struct, frozen=True, forbid_unknown_fields=True):
    """All results of one submission; exercises in the order of `exercises`."""

    name: str
    total: Points
    jobs: tuple[JobScore, ...]


class Exercise(Struct, frozen=True, forbid_unknown_fields=True):
    """An exercise that occurs in the results."""

    name: str
    title: Text


class Scores(Struct, frozen=True, forbid_unknown_fields=True):
    """Scores of a course; submissions sorted by name."""

    schema: Literal[1]
    course: Text
    created: Annotated[str, Meta(description="ISO 8601 time of the report")]
    versions: Annotated[dict[str, str], Meta(description="name -> version of what graded")]
    exercises: tuple[Exercise, ...]
    submissions: tuple[SubmissionScore, ...]


def scores_json(book: Gradebook) -> bytes:
    """Return the document as UTF-8, in an order that depends on the results alone."""
    return b"".join(scores_lines(book))


def scores_lines(book: Gradebook, kept: Callable[[str], bytes | None] = lambda name: None) -> Iterator[bytes]:
    """Yield the document in parts: what concerns all, then a line per submission.

    `kept(name)` may return a line that was made before.
    """
    scores = Scores(
        schema=SCHEMA,
        course=book.course,
        created=book.created,
        versions=dict(book.versions),
        exercises=tuple(Exercise(name, book.title(name)) for name in book.exercises),
        submissions=(),
    )
    yield msgspec.json.encode(scores).removesuffix(b"]}") + b"\n"
    for index, name in enumerate(book.submissions):
        yield b",\n" if index else b""
        yield kept(name) or msgspec.json.encode(submission_score(book, name))
    yield b"\n]}\n"


def submission_score(book: Gradebook, name: str) -> SubmissionScore:
    """Return one submission's part of the document."""
    return SubmissionScore(name, _points(book.total(name)), tuple(map(_job, book.of(name))))


def decode(document: bytes) -> Scores:
    """Read a document back; raise `msgspec.ValidationError` where it breaks the schema."""
    return msgspec.json.decode(document, type=Scores)


class _Parts(Struct):
    submissions: list[msgspec.Raw]


class _Named(Struct):
    name: str


def submission_lines(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and JSON of each submission of a document, one after another where they stand in lines.

    Raises OSError, `msgspec.DecodeError`.
    """
    with path.open("rb") as file:
        if file.readline().endswith(b'"submissions":[\n'):
            parts: Iterator[bytes] = (line.rstrip(b",\n") for line in file if line.startswith(b"{"))
        else:
            file.seek(0)
            parts = map(bytes, msgspec.json.decode(file.read(), type=_Parts).submissions)
        for part in parts:
            yield msgspec.json.decode(part, type=_Named).name, part


def read_submission(part: bytes) -> SubmissionScore:
    """Read one submission's part of a document. Raises `msgspec.DecodeError`."""
    return msgspec.json.decode(part, type=SubmissionScore)


def json_schema() -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of the document."""
    schema = msgspec.json.schema(Scores)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "scores.json", **schema}


def _job(row: Row) -> JobScore:
    return JobScore(
        exercise=row.exercise,
        state=row.state,
        commit=row.commit,
        device=row.device,
        wall=row.wall,
        memory_limit=row.memory_limit,
        model=row.model,
        seconds=row.seconds,
        score=_points(row.score),
        own=_points(row.own),
        kit=_points(row.kit) if row.kit else None,
        notice=row.notice,
        tests=tuple(map(_test, row.cases)),
    )


def _test(case: Case) -> TestScore:
    return TestScore(
        name=case.spec.name,
        title=case.spec.title,
        bonus=case.spec.bonus,
        public=case.spec.public,
        outcome=case.outcome,
        reason=case.reason,
        worth=case.spec.points,
        score=_points(case.score),
        kit=case.kit,
        seconds=case.seconds,
        message=case.message,
        hint=case.hint,
        place=case.place,
        output=case.output,
    )


def _points(score: Score) -> Points:
    return Points(score.points, score.maximum, score.bonus, score.ungradable)
