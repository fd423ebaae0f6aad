"""How a call to a student's code can end other than with an answer.

StudentRaised            (grader.checks) what `expect_raises` looks for
└── StudentError         the student's code raised
    └── AnswerError      it returned something that cannot be an answer
Violation                it used something the exercise does not allow
Killed                   (grader.wall.worker) its process was stopped
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from grader.checks import StudentRaised
from grader.inside.wire import Frame


@dataclass(frozen=True, slots=True)
class Step:
    """One frame of a traceback. File, line and source exist; `function` is the worker's word."""

    file: str
    line: int
    function: str
    source: str


def checked_steps(frames: Iterable[Frame], files: Mapping[str, bytes]) -> Iterator[Step]:
    """Yield the frames that lie in `files`, with what stands there: a worker can name and quote no other."""
    for frame in frames:
        if frame.file in files:
            lines = files[frame.file].splitlines() or [b""]
            number = min(max(frame.line, 1), len(lines))
            source = lines[number - 1].decode("utf-8", "replace").strip()
            yield Step(frame.file, number, frame.function, source[:200])


class StudentError(StudentRaised):
    """The student's code raised an exception. All of its texts are the student's: sanitise before showing.

    `kind` is "error", or the limit that the exception speaks of ("memory", "processes", "files",
    "scratch"), "answer" (see AnswerError) or "missing" (the name is not defined).
    """

    def __init__(
        self,
        kind: str,
        type_name: str,
        mro: Sequence[str] = (),
        message: str = "",
        frames: Sequence[Step] = (),
    ) -> None:
        super().__init__(f"{type_name}: {message}" if message else type_name)
        self.kind = kind
        self.type_name = type_name
        self.mro = tuple(mro)
        self.message = message
        self.frames = tuple(frames)


class AnswerError(StudentError):
    """The student's code returned, or passed on to an object of ours, what cannot be an answer."""

    def __init__(self, message: str, frames: Sequence[Step] = ()) -> None:
        super().__init__("answer", "AnswerError", ("AnswerError",), message, frames)


class Violation(Exception):  # noqa: N818  # a verdict, not a fault
    """The student's code used something that the exercise does not allow."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(", ".join(names))
        self.names = tuple(names)
