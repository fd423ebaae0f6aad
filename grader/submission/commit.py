"""Read which commit a checkout is at, without running git in a hostile tree."""

from __future__ import annotations

import os
import re
from pathlib import Path

from grader.submission.beneath import open_beneath, read_at_most

_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REF = re.compile(r"refs/[\w.@+-]+(?:/[\w.@+-]+)*")
_SMALL = 4096  # bytes of HEAD, of a ref, of a .git file
_PACKED = 8 * 1024 * 1024


def commit(path: Path) -> str:
    """Return the commit that HEAD of a checkout or submodule names; empty where there is none to be found.

    Only small regular files are read and only a commit's hash ever comes out, whatever the tree says.
    """
    try:
        directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        git = _open_git(directory, path)
    finally:
        os.close(directory)
    if git < 0:
        return ""
    try:
        return _head(git)
    finally:
        os.close(git)


def _open_git(directory: int, path: Path) -> int:
    """Open the repository of a checkout: `.git` itself, or what a submodule's `.git` file names."""
    try:
        return open_beneath(directory, ".git", os.O_DIRECTORY)
    except OSError:
        pass
    pointer = _text(directory, ".git", _SMALL)
    if not pointer.startswith("gitdir: ") or "\0" in pointer:
        return -1
    target = path / pointer.removeprefix("gitdir: ").rstrip("\n")
    try:
        return os.open(target, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return -1


def _head(git: int) -> str:
    head = _text(git, "HEAD", _SMALL).strip()
    if not head.startswith("ref: "):
        return head if _HASH.fullmatch(head) else ""
    ref = head.removeprefix("ref: ").strip()
    if not _REF.fullmatch(ref) or {".", ".."} & set(ref.split("/")):
        return ""
    loose = _text(git, ref, _SMALL).strip()
    if _HASH.fullmatch(loose):
        return loose
    for line in _text(git, "packed-refs", _PACKED).splitlines():
        name, _, found = line.partition(" ")
        if found == ref and _HASH.fullmatch(name):
            return name
    return ""


def _text(directory: int, path: str, limit: int) -> str:
    """Return a small file's text; empty where it cannot be read as such."""
    try:
        file = open_beneath(directory, path)
    except OSError:
        return ""
    try:
        return (read_at_most(file, limit) or b"").decode("utf-8", errors="replace")
    except OSError:
        return ""
    finally:
        os.close(file)
