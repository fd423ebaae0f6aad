"""The submissions of a course, and what one may be called."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from pathlib import Path

from grader.errors import UsageError
from grader.sanitise import line

_LONGEST = 100
_RESERVED = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [f"{port}{digit}" for port in ("com", "lpt") for digit in "0123456789¹²³"]
)
_FORBIDDEN = frozenset('<>:"/\\|?*')


@dataclass(frozen=True, slots=True)
class Submission:
    """One student's checkout."""

    name: str
    path: Path


def valid_name(name: str) -> str:
    """Return `name` if a submission's folder may be called so on every system. Raises UsageError."""
    problem = _problem(name)
    if problem:
        raise UsageError(f"a submission cannot be called {line(repr(name))}: {problem}")
    return name


def list_submissions(directory: Path) -> list[Submission]:
    """Return the folders in `directory`, sorted by name. Plain files and dot-folders are not submissions.

    Raises UsageError naming every folder whose name cannot be used, and names that differ only in case or
    Unicode form: on another file system they would be one.
    """
    if not directory.is_dir():
        return []
    problems: list[str] = []
    seen: dict[str, str] = {}
    found: list[Submission] = []
    for path in sorted(p for p in directory.iterdir() if not p.name.startswith(".") and p.is_dir()):
        name, key = path.name, folded(path.name)
        shown = line(repr(name))
        if path.is_symlink():
            problems.append(f"{shown} is a symbolic link; put the folder itself here")
        elif problem := _problem(name):
            problems.append(f"{shown}: {problem}")
        elif key in seen:
            problems.append(f"{shown} and {line(repr(seen[key]))} differ only in case or Unicode form")
        seen.setdefault(key, name)
        found.append(Submission(name, path))
    if problems:
        raise UsageError(f"rename these folders in {directory}: " + "; ".join(problems))
    return found


def folded(name: str) -> str:
    """Return what a case-insensitive, normalising file system makes of a name."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def odd_characters(name: str) -> str:
    """Say what is odd about the characters of a file's name, if anything."""
    for character in name:
        category = unicodedata.category(character)
        if category == "Cs":
            return "is not valid UTF-8"
        if category[0] == "C" or category in ("Zl", "Zp"):
            return "has control or invisible characters"
        if category == "Zs" and character != " ":
            return "has a space that is not an ordinary one"
    return "" if unicodedata.is_normalized("NFC", name) else "is not in Unicode normal form C"


def _problem(name: str) -> str:
    if not name:
        return "it is empty"
    if name[0] in "-.":
        return f"it begins with {name[0]!r}"
    if len(name) > _LONGEST or len(name.encode(errors="replace")) > 2 * _LONGEST:
        return f"it is longer than {_LONGEST} characters"
    if odd := odd_characters(name):
        return f"it {odd}"
    if forbidden := sorted(_FORBIDDEN & set(name)):
        return f"it contains {forbidden[0]!r}"
    if line(name, _LONGEST) != name:  # letters drawn as nothing, piles of marks, `##[error]`
        return "reports could not show it as it is"
    if name[-1] in " ." or name[0] == " ":
        return "it begins or ends with a space, or ends with a dot"
    if name.partition(".")[0].rstrip(" ").casefold() in _RESERVED:
        return "Windows reserves that name"
    return ""
