"""Whose score would change, compared with what was reported, or with what was known at some time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from grader.course import Course
from grader.errors import UsageError
from grader.reports.changes import Change, changes
from grader.reports.scores_json import SubmissionScore, submission_score
from grader.reports.view import Gradebook
from grader.reports.wording import Lang
from grader.reports.write import SCORES, earlier_scores
from grader.run import look_up, stored


def difference(
    course: Course, since: str | None, names: tuple[str, ...], exercises: tuple[str, ...], lang: Lang
) -> list[Change]:
    """Compare the scores of now with earlier ones.

    `since` is a folder of reports (default: the course's own), or an ISO 8601 time: what was stored until
    then, by today's points. Raises UsageError.
    """
    asked, whole = look_up(course, names, exercises)
    folder = course.root / "reports" if since is None else Path(since)
    if folder.is_dir() or since is None:
        earlier: Iterable[SubmissionScore] = _reported(whole, folder, lang)
    else:
        earlier = _known(course, whole, _time(since))
    return list(changes(earlier, asked))


def _reported(book: Gradebook, folder: Path, lang: Lang) -> Iterator[SubmissionScore]:
    try:
        yield from earlier_scores(book, folder, lang)
    except FileNotFoundError:
        raise UsageError(
            f"no {SCORES} in {folder} to compare with; `grader report` writes it, or name a time with --since"
        ) from None
    except (OSError, msgspec.DecodeError) as error:
        raise UsageError(f"{folder / SCORES} is none of ours: {error}") from error


def _known(course: Course, book: Gradebook, before: str) -> Iterator[SubmissionScore]:
    """Yield the scores of what was known at a time, where it was not what is known now."""
    earlier = stored(course, before)
    for name in earlier.submissions:
        if earlier.origins[name] != book.origins.get(name):
            yield submission_score(earlier, name)


def _time(text: str) -> str:
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat(timespec="seconds")
    except ValueError:
        raise UsageError(
            f"--since: {text!r} is neither a folder of reports nor a time such as 2026-11-28T18:00"
        ) from None
