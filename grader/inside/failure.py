"""Say what went wrong in a student's code, without trusting the exception to behave."""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Mapping
from types import TracebackType

from grader.inside.rules import PolicyViolation
from grader.inside.wire import Frame, Kind, Raise

MAX_FRAMES = 20
_BY_ERRNO: Mapping[int, Kind] = {
    errno.EAGAIN: "processes",  # what fork says at the limit
    errno.ENOMEM: "memory",
    errno.EMFILE: "files",
    errno.ENFILE: "files",
    errno.ENOSPC: "scratch",
    errno.EFBIG: "scratch",
    errno.EDQUOT: "scratch",
}
_BY_TEXT: Mapping[str, Kind] = {
    "can't start new thread": "processes",
    "Resource temporarily unavailable": "processes",  # std::thread, inside torch
    "can't allocate memory": "memory",  # torch's CPU allocator
    "not enough memory": "memory",
    "CUDA out of memory": "memory",
}


def describe(
    id_: int, error: BaseException, traceback: TracebackType | None, sources: Mapping[str, bytes]
) -> Raise:
    """Describe an exception of the student's code.

    `sources` are the student's files by their path below the current folder; only frames in them
    are told. `str()` of the exception runs the student's code: the judge's deadline bounds it.
    """
    message = _message(error)
    frames = _frames(traceback, sources)
    if isinstance(error, SyntaxError):
        frames += _syntax_frame(error, sources)
    return Raise(
        id=id_,
        kind=_kind(error, message),
        type_name=_name(type(error)),
        mro=[_name(cls) for cls in type.__dict__["__mro__"].__get__(type(error))[:32]],
        message=message,
        frames=frames,
    )


def unusable(id_: int, message: str) -> Raise:
    """Say that the student's answer cannot be sent."""
    return Raise(
        id=id_, kind="answer", type_name="AnswerError", mro=["AnswerError"], message=message[:4096], frames=[]
    )


def _kind(error: BaseException, message: str) -> Kind:
    if isinstance(error, PolicyViolation):
        return "violation"
    if isinstance(error, MemoryError):
        return "memory"
    if isinstance(error, OSError):
        return _BY_ERRNO.get(error.errno, "error") if isinstance(error.errno, int) else "error"
    if isinstance(error, RuntimeError):
        return next((kind for text, kind in _BY_TEXT.items() if text in message), "error")
    return "error"


def _message(error: BaseException) -> str:
    try:
        return clean(str(error), 4096)
    except BaseException:  # a hostile __str__ may raise anything
        return "(its message could not be read)"


def _name(cls: type) -> str:
    name = type.__dict__["__name__"].__get__(cls)  # the true one, whatever a metaclass says
    return clean(name, 200)


def clean(text: str, room: int) -> str:
    """Return at most `room` characters of plain, valid Unicode, whatever kind of str this is."""
    return str.encode(text, "utf-8", "replace")[: 4 * room].decode("utf-8", "ignore")[:room]


def _frames(traceback: TracebackType | None, sources: Mapping[str, bytes]) -> list[Frame]:
    kept: deque[Frame] = deque(maxlen=MAX_FRAMES)
    while traceback is not None:
        code = traceback.tb_frame.f_code
        frame = _frame(code.co_filename, traceback.tb_lineno or 0, code.co_name, sources)
        if frame is not None:
            kept.append(frame)
        traceback = traceback.tb_next
    return list(kept)


def _syntax_frame(error: SyntaxError, sources: Mapping[str, bytes]) -> list[Frame]:
    if type(error.filename) is not str or type(error.lineno) is not int:
        return []
    frame = _frame(error.filename, max(0, error.lineno), "<module>", sources)
    return [frame] if frame is not None else []


def _frame(filename: str, line: int, function: str, sources: Mapping[str, bytes]) -> Frame | None:
    file = os.path.relpath(filename)
    if file not in sources:
        return None
    lines = sources[file].splitlines()
    source = lines[line - 1].decode("utf-8", "replace").strip() if 0 < line <= len(lines) else ""
    return Frame(file[:512], line, clean(function, 200), source[:200])
