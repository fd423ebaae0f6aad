"""The import policy at run time: doors that are gone through, as Python's own audit events tell of them.

The static check reads names as they are written, and one made at run time escapes it. But whoever runs a
string, opens a file, reads a function's globals or asks the operating system raises an event, and the frames
say who it was. Evidence, not proof: it is gathered in the process of the code it watches.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from types import FrameType
from typing import NoReturn

from grader.inside.doors import allowed_roots

# First part of an event -> the modules that have it allowed, where an exercise opens one of them. To compile
# alone does nothing, and Python does so itself to print a traceback.
_EVENTS: Mapping[str, tuple[str, ...]] = {
    "exec": ("builtins",), "import": ("builtins", "importlib"),
    "open": ("builtins", "io", "os"), "object": ("inspect",), "code": ("inspect", "types"),
    "function": ("inspect", "types"), "sys": ("sys",), "gc": ("gc",), "os": ("os",), "shutil": ("shutil",),
    "subprocess": ("subprocess",), "socket": ("socket",), "ctypes": ("ctypes",), "mmap": ("mmap",),
    "glob": ("glob",), "tempfile": ("tempfile",), "marshal": ("marshal",), "pickle": ("pickle",),
    "fcntl": ("fcntl",), "resource": ("resource",), "pty": ("pty",), "signal": ("signal",),
    "urllib": ("urllib",),
}  # fmt: skip
_OF_PYTHON = frozenset(
    {"sys.excepthook", "sys.unraisablehook"}
)  # raised by the interpreter for anyone's code
_IMPORTING = frozenset({"importlib._bootstrap", "importlib._bootstrap_external"})
_OWN = "exercises"


def watch(files: Collection[str], opened: Iterable[str], refuse: Callable[[str], NoReturn]) -> None:
    """From now on have whatever the code in `files` is not allowed refused; `opened` are further modules."""
    opened = frozenset(opened)
    closed = {event for event, doors in _EVENTS.items() if not opened.intersection(doors)}
    roots = allowed_roots(opened)
    looking = threading.local()

    def is_ours(frame: FrameType, root: str) -> bool:
        return frame.f_code.co_filename in files or root == _OWN

    def by_student(event: str) -> bool:
        """Find who is answerable: the nearest frame of the student's or of a library he may use."""
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            name = str(frame.f_globals.get("__name__"))
            root = name.partition(".")[0]
            if is_ours(frame, root):
                return True
            machinery = name in _IMPORTING and event != "import"
            if machinery or root in roots or root not in sys.stdlib_module_names:
                return False
            frame = frame.f_back
        return False

    def hook(event: str, args: tuple[object, ...]) -> None:
        if event.partition(".")[0] not in closed or event in _OF_PYTHON or getattr(looking, "now", False):
            return
        if (event == "import" and _is_allowed(str(args[0]), roots)) or (
            event == "open" and _shows_source(*args)
        ):
            return
        looking.now = True  # looking at frames is an event itself
        try:
            found = by_student(event)
        finally:
            looking.now = False
        if found:
            refuse(_named(event, args))

    sys.addaudithook(hook)


def _is_allowed(module: str, roots: Collection[str]) -> bool:
    """Say whether importing is no door. Modules of Python's own do nothing until they are used."""
    root = module.partition(".")[0]
    return root in roots or root == _OWN or root in sys.stdlib_module_names


def _shows_source(path: object, mode: object, _: object) -> bool:
    """Say whether Python may be opening this itself, to print the lines of a traceback."""
    return str(path).endswith(".py") and mode in ("r", "rb")


def _named(event: str, args: tuple[object, ...]) -> str:
    """Name what was done, as its source would."""
    if event.startswith("object."):
        return str(args[1])
    return f"import {args[0]}" if event == "import" else event
