"""The import policy at run time: doors that are gone through, as Python's own audit events tell of them.

The static check reads names as they are written, and one made at run time escapes it. But whoever runs a
string, opens a file, reads a function's globals or asks the operating system raises an event, and the frames
say who it was. Evidence, not proof: it is gathered in the process of the code it watches.

There are two kinds of doors. Those through which something is *looked at* stand open to libraries, whoever
called them. Those through which something *runs* that nobody has read stand open to nobody, whatever library
lies between, but for what each is known to be needed for: modules imported from where nobody can write, what
dataclasses and typing make of names, and torch's compiler, where the exercise opens it.
"""

from __future__ import annotations

import collections
import dataclasses
import dis
import os
import sys
import threading
import typing
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from types import CodeType, FrameType
from typing import NoReturn

import torch

from grader.inside import sources
from grader.inside.doors import allowed_roots, is_door
from grader.inside.sources import ROOT

# First part of an event -> the modules that have it allowed, where an exercise opens one of them.
_LOOKS: Mapping[str, tuple[str, ...]] = {
    "import": ("builtins", "importlib"),
    "open": ("builtins", "io", "os"), "object": ("inspect",), "sys": ("sys",), "os": ("os",), "gc": ("gc",),
    "shutil": ("shutil",), "glob": ("glob",), "tempfile": ("tempfile",), "resource": ("resource",),
    "signal": ("signal",), "urllib": ("urllib",),
}  # fmt: skip
_RUNS: Mapping[str, tuple[str, ...]] = {
    "exec": ("builtins",), "compile": ("builtins",), "code": ("inspect", "types"),
    "function": ("inspect", "types"), "marshal": ("marshal",), "pickle": ("pickle",),
    "ctypes": ("ctypes",), "subprocess": ("subprocess",), "pty": ("pty",), "socket": ("socket",),
    "mmap": ("mmap",), "fcntl": ("fcntl",), "torch.jit": ("torch.jit",),
    **dict.fromkeys(("os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn"), ("os",)),
}  # fmt: skip
_OF_PYTHON = frozenset(
    {"sys.excepthook", "sys.unraisablehook"}
)  # raised by the interpreter for anyone's code
_IMPORTING = frozenset({"<frozen importlib._bootstrap>", "<frozen importlib._bootstrap_external>"})
_LOADING = _IMPORTING | {"<frozen zipimport>"}
_INSIDE = Path(__file__).parent
_COMPILER = str(Path(torch.__file__).parent / "_dynamo")
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CALLS = frozenset(code for name, code in dis.opmap.items() if "CALL" in name or "FUNCTION" in name)
_MOST_IGNORED = 1000
_MOVING = frozenset({"os.rename", "os.link", "os.symlink", "os.truncate"})


class Guard:
    """Has what the code in `files` is not allowed refused, from its making on; `opened` are further modules.

    `made` says whether code comes of the sources that were inspected; in `folders` a student may write.
    Python is told of nothing here but the hook, which no code can look at or take away.
    """

    def __init__(
        self,
        files: Collection[str],
        opened: Iterable[str],
        folders: Iterable[str],
        made: Callable[[CodeType], bool],
        refuse: Callable[[str], NoReturn],
    ) -> None:
        opened = frozenset(opened)
        self._files, self._made, self._refuse = files, made, refuse
        self._looks, self._runs = (
            frozenset(event for event, doors in table.items() if not opened.intersection(doors))
            for table in (_LOOKS, _RUNS)
        )
        self._compiles = "torch.compile" in opened
        self._roots = allowed_roots(opened)
        self._trees = _under(str(_INSIDE), str(Path(os.__file__).parent), *filter(None, sys.path))
        self._writable = _under(*folders)
        self._looking = threading.local()
        self._ignored = set(_OF_PYTHON)  # an event that concerns nobody must cost next to nothing
        ignored, hook = self._ignored, self._hook

        def quick(event: str, args: tuple[object, ...]) -> None:
            if event not in ignored:
                hook(event, args)

        sys.addaudithook(quick)

    def _hook(self, event: str, args: tuple[object, ...]) -> None:
        group = event.partition(".")[0]
        # Looking at frames is an event itself. What else comes meanwhile is from a __del__ that is collected.
        again = getattr(self._looking, "now", False)
        if again and group in ("sys", "object"):
            return
        runs = event in self._runs or group in self._runs
        if not runs and group not in self._looks and event not in ("open", "import", *_MOVING):
            if len(self._ignored) < _MOST_IGNORED:
                self._ignored.add(event)
            return
        self._looking.now = True
        try:
            caller = sys._getframe(2)
            found = self._is_refused(event, args, caller, runs=runs) or self._brings_code(event, args, caller)
        finally:
            self._looking.now = again
        if found:
            self._refuse(_named(event, args))

    def _is_refused(self, event: str, args: tuple[object, ...], caller: FrameType, *, runs: bool) -> bool:
        if runs:
            return not self._may_run(event, args, caller)
        if event.partition(".")[0] not in self._looks:
            return False
        if event == "import" and _is_allowed(str(args[0]), self._roots):
            return False
        return not (event == "open" and _shows_source(*args)) and self._by_student(event, caller)

    # Looking

    def _by_student(self, event: str, frame: FrameType | None) -> bool:
        """Find who is answerable: the nearest frame of the student's or of a library he may use."""
        while frame is not None:
            name = frame.f_globals.get("__name__")
            # Only text is asked: an object would answer with code of the student's, unwatched.
            root = name.partition(".")[0] if type(name) is str else ROOT if name is not None else ""
            if frame.f_code.co_filename in self._files or root == ROOT:
                return True
            machinery = frame.f_code.co_filename in _IMPORTING and event != "import"
            if machinery or root in self._roots or root not in sys.stdlib_module_names:
                return False
            frame = frame.f_back
        return False

    # Running

    def _may_run(self, event: str, args: tuple[object, ...], caller: FrameType) -> bool:
        """Say whether this is code that somebody has read, or known to be harmless."""
        file = caller.f_code.co_filename
        if event == "compile":  # alone it does nothing, and Python does so itself to print a traceback
            ours = file.startswith(str(_INSIDE)) and file != sources.__file__
            return file not in self._files and not ours
        if event == "exec" and type(args[0]) is CodeType:
            code = args[0]
            if file in _IMPORTING:
                known = code.co_filename.startswith("<frozen ") or self._is_library(code.co_filename)
                return self._made(code) or (known and code.co_filename not in self._files)
            if file == dataclasses.__file__:
                return _writes_names_only(caller)
            if file == typing.__file__:
                return _reads_names_only(code)
            if file == collections.__file__:  # a namedtuple's names are seen to by itself
                return True
        if event == "marshal.loads" and file in _IMPORTING:
            return True  # of a file whose opening was allowed
        return self._at_work(caller) == "library"

    def _at_work(self, frame: FrameType | None) -> str:
        """Say who did it: a "library" that is being imported, or compiles; else the "student", if anybody."""
        while frame is not None:
            file = frame.f_code.co_filename
            if file in self._files:
                return "student"
            back = frame.f_back
            imported = back is not None and back.f_code.co_filename in _IMPORTING
            if imported and frame.f_code.co_name == "<module>" and self._is_library(file):
                return "library"
            if self._compiles and file.startswith(_COMPILER):
                return "library"
            frame = back
        return ""

    def _brings_code(self, event: str, args: tuple[object, ...], caller: FrameType) -> bool:
        """Say whether code comes from where the student writes, or is written to where it would be run."""
        path = str(args[1] if event == "import" else args[0]) if event in ("open", "import") else ""
        if event == "import" and args[1] is not None:  # a library in C
            return not self._is_library(path) and self._at_work(caller) != "library"
        if event == "open" and caller.f_code.co_filename in _LOADING:
            return not self._is_library(path) and self._at_work(caller) != "library"
        # What torch's compiler has written, it reads again and runs: nobody else writes where that is.
        writes = event in _MOVING or (event == "open" and type(args[2]) is int and args[2] & _WRITING != 0)
        return self._compiles and writes and self._at_work(caller) == "student"

    def _is_library(self, path: str) -> bool:
        path = os.path.normpath(path)
        return path.startswith(self._trees) and not path.startswith(self._writable)


def _under(*folders: str) -> tuple[str, ...]:
    """Return how paths in these folders begin, by any of the folders' names."""
    return tuple({f"{path.rstrip(os.sep)}{os.sep}" for f in folders for path in (f, os.path.realpath(f))})


def _is_allowed(module: str, roots: Collection[str]) -> bool:
    """Say whether importing is no door. Modules of Python's own do nothing until they are used."""
    root = module.partition(".")[0]
    return root in roots or root == ROOT or root in sys.stdlib_module_names


def _shows_source(path: object, mode: object, _: object) -> bool:
    """Say whether Python may be opening this itself, to print the lines of a traceback."""
    return str(path).endswith(".py") and mode in ("r", "rb")


def _writes_names_only(frame: FrameType | None) -> bool:
    """Say whether dataclasses, which makes source of a class's field names, has been given names."""
    while frame is not None and frame.f_code.co_filename == dataclasses.__file__:
        cls = frame.f_locals.get("cls")
        if frame.f_code.co_name == "_process_class" and isinstance(cls, type):
            fields = type.__dict__["__dict__"].__get__(cls).get("__annotations__", {})
            known = frame.f_locals.get("fields")  # inherited ones, too, by what they call themselves
            names = [*fields, *(field.name for field in known.values())] if type(known) is dict else [None]
            return all(type(name) is str and name.isidentifier() for name in names)
        frame = frame.f_back
    return False


def _reads_names_only(code: CodeType) -> bool:
    """Say whether text that typing evaluates is an annotation: names, without a call and without a door."""
    calls = any(opcode in _CALLS for opcode in code.co_code[::2])
    nested = any(type(constant) is CodeType for constant in code.co_consts)
    private = any(name.startswith("_") or is_door(name) for name in code.co_names)
    return not (calls or nested or private)


def _named(event: str, args: tuple[object, ...]) -> str:
    """Name what was done, as its source would."""
    if event.startswith("object."):
        return str(args[1])
    if event == "compile":
        return "running text (exec, eval, compile)"
    return f"import {args[0]}" if event == "import" else event
