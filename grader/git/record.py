"""What was pulled, when: `.grader/pulls.json`, a plain file that can be carried from run to run.

One entry per submission. Times are UTC and are when we fetched, never what a commit says of itself.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import msgspec

from grader.course import Course
from grader.errors import UngradedError, UsageError
from grader.job import Text
from grader.sanitise import line

VERSION = 1


class Outcome(StrEnum):
    """How the last pull of a submission ended."""

    UPDATED = "updated"
    UNCHANGED = "unchanged"
    FAILED = "failed"
    FOLDER = "folder"  # a plain folder: nothing to pull


@dataclass(frozen=True, slots=True)
class Fetched:
    """A commit that came in, and when it was first seen here."""

    commit: str
    at: str


@dataclass(frozen=True, slots=True)
class Pull:
    """What is known of one submission.

    `commit` is what lies in `submissions/NAME` and is graded, fetched at `fetched`; both empty where there is
    nothing. `reason`, `blame` (student, course, network) and `message` say why the last pull failed; `notes`
    are what the student should know although it went well. `history` holds each commit the branch was seen
    at, oldest first.
    """

    url: str = ""
    branch: str = ""
    commit: str = ""
    fetched: str = ""
    checked: str = ""  # the last try
    outcome: Outcome = Outcome.FOLDER
    reason: str = ""
    blame: str = ""
    message: Text = field(default_factory=lambda: Text("", ""))
    notes: tuple[Text, ...] = ()
    history: tuple[Fetched, ...] = ()

    def seen(self, commit: str, at: str) -> Pull:
        """Return this with a commit that has just been fetched."""
        if self.history and self.history[-1].commit == commit:
            return self
        return replace(self, history=(*self.history, Fetched(commit, at)))

    def at(self, time: datetime) -> Fetched | None:
        """Return what the branch was at, by what had been fetched up to a time."""
        until = [f for f in self.history if datetime.fromisoformat(f.at) <= time]
        return until[-1] if until else None


class _File(msgspec.Struct, frozen=True):
    version: int
    submissions: dict[str, Pull]


def record_path(course: Course) -> Path:
    """Return where the record is kept."""
    return course.root / ".grader" / "pulls.json"


def read_record(course: Course) -> dict[str, Pull]:
    """Read what was pulled so far, by submission. Raises UngradedError where the file is damaged."""
    path = record_path(course)
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_File)
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        raise UngradedError(
            f"cannot read {path}: {error}; restore it, or move it away to begin anew"
        ) from None
    if found.version != VERSION:
        raise UngradedError(f"{path} is of version {found.version}; this grader reads version {VERSION}")
    return found.submissions


def write_record(course: Course, pulls: Mapping[str, Pull]) -> None:
    """Replace the record in one step."""
    path = record_path(course)
    document = {"version": VERSION, "submissions": {name: asdict(pulls[name]) for name in sorted(pulls)}}
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(exist_ok=True)
        try:
            temporary.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UngradedError(f"cannot write {path}: {error.strerror}") from error


def now() -> str:
    """Return the time, as it is written in the record."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def parse_time(text: str) -> datetime:
    """Read a time that a user gave; without an offset it is this machine's. Raises UsageError."""
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise UsageError(f"{line(repr(text))} is no time; write it like 2026-11-30T23:59+08:00") from None
