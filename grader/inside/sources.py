"""A submission's modules, imported from the bytes that were inspected and kept in memory, never from a disk.

What stands on a disk can be written anew after it was checked. So nothing of a submission is put there, and
`exercises` means what is here: what a student's code writes while it runs is data, and no import finds it.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import CodeType, ModuleType

from grader.inside.hiding import opaque
from grader.inside.reading import decode

ROOT = "exercises"


class Sources:
    """What may be imported below `exercises`. Nothing that a student's code can follow leads here."""

    def __init__(self) -> None:
        self.names: Mapping[str, object] = {}  # what stands in every module before it runs
        self._home = Path()
        self._files: dict[str, tuple[str, bytes]] = {}  # module -> path below home, content
        self._packages: set[str] = set()
        self._made: set[CodeType] = set()

    def install(self) -> None:
        """Have Python ask here first, whatever its path says."""
        sys.meta_path.insert(
            0,
            _Finder(
                opaque(self._kind), opaque(self._text), opaque(self._code), opaque(lambda: dict(self.names))
            ),
        )

    def replace(self, files: Mapping[str, bytes], home: Path) -> None:
        """Take these files (path below `home`: content) in place of those so far."""
        self._home = home
        self._files, self._packages, self._made = {}, set(), set()
        for name, content in files.items():
            if not name.endswith(".py"):
                continue
            *folders, module = PurePosixPath(name).with_suffix("").parts
            package = module == "__init__"
            parts = folders if package else [*folders, module]
            self._packages.update(".".join(folders[: i + 1]) for i in range(len(folders)))
            if (
                package or ".".join(parts) not in self._files
            ):  # Python takes the package of two that share a name
                self._files[".".join(parts)] = name, content

    def made(self, code: CodeType) -> bool:
        """Say whether this code was compiled here."""
        return code in self._made

    def _kind(self, module: str) -> tuple[str | None, bool] | None:
        """Return a module's file, None for a folder without one, and whether it is a package."""
        if module not in self._files and module not in self._packages:
            return None
        return self._path(module) if module in self._files else None, module in self._packages

    def _path(self, module: str) -> str:
        return str(self._home / self._files[module][0]) if module in self._files else f"<{module}>"

    def _text(self, module: str) -> str:
        text = decode(*self._files.get(module, ("", b"")))  # as the check read it: in no other encoding
        if not isinstance(text, str):
            raise SyntaxError(text["en"], (self._path(module), text["line"], 1, None))
        return text

    def _code(self, module: str) -> CodeType:
        code: CodeType = compile(self._text(module), self._path(module), "exec", dont_inherit=True)
        self._made.add(code)
        return code


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """The end of it that Python sees, and students with it."""

    def __init__(
        self,
        kind: Callable[[str], tuple[str | None, bool] | None],
        text: Callable[[str], str],
        code: Callable[[str], CodeType],
        names: Callable[[], dict[str, object]],
    ) -> None:
        self._kind, self._text, self._code, self._names = kind, text, code, names

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find a module of the submission; of others say nothing."""
        if fullname.partition(".")[0] != ROOT:
            return None
        kind = self._kind(fullname)
        if kind is None:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        file, package = kind
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=file, is_package=package)
        spec.has_location = file is not None
        return spec

    def get_source(self, fullname: str) -> str:
        """Return the text, for tracebacks and inspect."""
        return self._text(fullname)

    def get_code(self, fullname: str) -> CodeType:
        """Return the code to be run."""
        return self._code(fullname)

    def exec_module(self, module: ModuleType) -> None:
        """Put the names in, then run the module."""
        vars(module).update(self._names())
        super().exec_module(module)

    def is_package(self, fullname: str) -> bool:
        """Say whether modules may lie below."""
        kind = self._kind(fullname)
        return kind is not None and kind[1]
