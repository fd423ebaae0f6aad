"""Say what went wrong in a student's code, without trusting the exception to behave."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from types import TracebackType

from grader.inside import compiling
from grader.inside.rules import PolicyViolation
from grader.inside.values import Unsendable
from grader.inside.wire import Frame, Kind, Raise

MAX_FRAMES = 20
Place = tuple[str, int, str]  # file, line, function
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
    id_: int, error: BaseException, traceback: TracebackType | None, sources: Mapping[str, bytes], home: str
) -> Raise:
    """Describe an exception of the student's code.

    `sources` are the student's files by absolute path; only frames in them are told, by their path
    below `home`. Reading the exception may run the student's code: the judge's deadline bounds it.
    """
    kind, message = _read(error)
    if type(error) is Unsendable:
        kind, message = "answer", _unusable("passed on", message)
    mro = type.__dict__["__mro__"].__get__(type(error))
    stack = (*_places(traceback), *_syntax_place(error), *_compiled_places(error))
    found = [_frame(place, sources, home) for place in stack]
    return Raise(
        id=id_,
        kind=kind,
        type_name=_name(type(error)),
        mro=[_name(cls) for cls in mro[:32]],
        message=message,
        frames=[frame for frame in found if frame is not None][-MAX_FRAMES:],
    )


def unusable(id_: int, what: str) -> Raise:
    """Say that the student's code returned `what`, which cannot be sent."""
    message = _unusable("returned", what)
    return Raise(
        id=id_, kind="answer", type_name="AnswerError", mro=["AnswerError"], message=message, frames=[]
    )


def _unusable(how: str, what: str) -> str:
    return clean(f"your code {how} {what}, which cannot be an answer", 4096)


def _read(error: BaseException) -> tuple[Kind, str]:
    """Read an exception's kind and message. Its `__str__` and properties may raise anything."""
    try:
        message = clean(compiling.reason(error) if compiling.is_failure(error) else str(error), 4096)
    except BaseException:
        message = "(its message could not be read)"
    try:
        return _kind(error, message), message
    except BaseException:
        return "error", message


def _kind(error: BaseException, message: str) -> Kind:
    if isinstance(error, PolicyViolation):
        return "violation"
    if isinstance(error, MemoryError):
        return "memory"
    if isinstance(error, OSError):
        return _BY_ERRNO.get(error.errno or 0, "error")
    if isinstance(error, RuntimeError):
        return next((kind for text, kind in _BY_TEXT.items() if text in message), "error")
    return "error"


def _name(cls: type) -> str:
    return clean(type.__dict__["__name__"].__get__(cls), 200)  # the true one, whatever a metaclass says


def clean(text: str, room: int) -> str:
    """Return at most `room` characters of plain, valid Unicode, whatever kind of str this is."""
    return str.encode(text, "utf-8", "replace")[: 4 * room].decode("utf-8", "ignore")[:room]


def _places(traceback: TracebackType | None) -> Iterator[Place]:
    while traceback is not None:
        code = traceback.tb_frame.f_code
        yield code.co_filename, traceback.tb_lineno or 0, code.co_name
        traceback = traceback.tb_next


def _syntax_place(error: BaseException) -> Iterator[Place]:
    if type(error) in (SyntaxError, IndentationError, TabError):
        assert isinstance(error, SyntaxError)
        if type(error.filename) is str and type(error.lineno) is int:
            yield error.filename, max(0, error.lineno), "<module>"


def _compiled_places(error: BaseException) -> list[Place]:
    """Return where torch.compile failed in the student's code, which its traceback does not say."""
    try:
        return list(compiling.places(error)) if compiling.is_failure(error) else []
    except Exception:  # a subclass of the student's may hold anything
        return []


def _frame(place: Place, sources: Mapping[str, bytes], home: str) -> Frame | None:
    file, line, function = place
    if file not in sources:
        return None
    return Frame(os.path.relpath(file, home), line, clean(function, 200))
