"""Every error a user can see, with its exit code and what to do about it.

CourseError
├── UsageError          2   the command line names something that is not there
├── ContentError        4   the course's own content (exercise.yaml, tests, reference) is wrong
├── WallError           5   student code cannot be confined on this machine
├── UngradedError       3   something of ours failed; never counted against a student
└── PublishError        6   a score could not be posted

Errors are raised where they are found and shown once, in `cli`.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class CourseError(Exception):
    """A problem that ends the command with one clear line and a defined exit code."""

    exit_code = 1


class UsageError(CourseError):
    """The command line asks for something that does not exist."""

    exit_code = 2


class UngradedError(CourseError):
    """The grader itself failed; no point may be lost to this."""

    exit_code = 3


class ContentError(CourseError):
    """A file of the course is wrong; names the file and, where known, the line."""

    exit_code = 4

    def __init__(self, path: Path, problem: str, line: int | None = None) -> None:
        self.path = path
        self.line = line
        self.problem = problem
        super().__init__(f"{path}{f':{line}' if line else ''}: {problem}")


class WallError(CourseError):
    """The sandbox cannot be built on this machine as strongly as required."""

    exit_code = 5


class PublishError(CourseError):
    """A service did not take a score; what it took is noted, and not posted again."""

    exit_code = 6


def unknown_name(kind: str, name: str, known: Iterable[str]) -> UsageError:
    """Build the error for a name that is not among the known ones, with a suggestion."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1)
    if close:
        remedy = f"did you mean {close[0]!r}?"
    elif names:
        remedy = f"known: {', '.join(names)}"
    else:
        remedy = "there are none here"
    return UsageError(f"no {kind} named {name!r}; {remedy}")
