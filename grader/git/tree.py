"""Write a commit's files into a new folder, as bytes: nothing of the student's decides how, or where.

No checkout is run, so no attribute, filter or hook has a say. Links and submodules are not made. What has a
name that some system could take for another one is left out and noted; the rest is graded.
"""

from __future__ import annotations

import os
import re
import tempfile
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

from grader.git.failures import TOO_MANY_FOLDERS, UNREADABLE, Reason, Refused, too_many_bytes, too_many_files
from grader.git.process import Git
from grader.job import Text
from grader.sanitise import line
from grader.submission.listing import folded, odd_characters

_DEEPEST = 30  # folders above a file
_LONGEST = 1000  # bytes of a path
_PRINTED = 1200  # bytes that git may print for each file that is allowed, before it is stopped
_ENTRY = re.compile(rb"(\d{6}) (\w+) ([0-9a-f]{40,64}) +(-|\d+)\t([^\0]+)")
_HEADER = re.compile(rb"([0-9a-f]{40,64}) blob (\d+)\n")
_POINTER = b"version https://git-lfs.github.com/spec/"
_POINTER_SIZE = 1024
_LINK, _SUBMODULE, _FOLDER = "120000", "160000", b"040000 "
_SHORT_NAME = re.compile(r"git~\d+", re.IGNORECASE)
_WINDOWS = frozenset('<>:"\\|?*')
_NAMED = 5  # paths named in one note


@dataclass(frozen=True, slots=True)
class Entry:
    """One path of a commit."""

    path: str
    mode: str
    blob: str
    size: int


def read_tree(git: Git, commit: str) -> tuple[list[Entry], tuple[Text, ...]]:
    """Return the files of a commit that can be written anywhere, and notes on those that cannot.

    Raises Refused where there are too many, or too much.
    """
    entries = _list(git, commit)
    if sum(entry.size for entry in entries) > git.rules.megabytes * 1e6:
        raise too_many_bytes(git.rules.megabytes)
    portable = [entry for entry in entries if entry.mode != _SUBMODULE and not _odd(entry.path)]
    kept = _distinct(portable)
    there = {id(entry) for entry in kept}
    left_out = [entry.path for entry in entries if id(entry) not in there]
    links = [entry.path for entry in kept if entry.mode == _LINK]
    return kept, (*_note(_LEFT_OUT, left_out), *_note(_LINKS, links))


def write_tree(git: Git, entries: Sequence[Entry], folder: Path) -> tuple[Text, ...]:
    """Write files into a folder that is new and only ours; return notes on what they hold."""
    blobs = {entry.blob: entry.size for entry in entries}
    most = sum(blobs.values()) + 200 * len(blobs) + 1
    asked = "".join(f"{blob}\n" for blob in blobs).encode()
    paths: dict[str, list[str]] = {}
    for entry in entries:
        paths.setdefault(entry.blob, []).append(entry.path)
    pointers: list[str] = []
    with tempfile.TemporaryFile() as printed:
        done = git.run("cat-file", "--batch", "--buffer", stdin=asked, most=most, into=printed)
        if done.code:
            raise git.refusal(done)
        printed.seek(0)
        for blob, content in _blobs(printed, blobs):
            for path in paths[blob]:
                _write(folder, path, content)
            if len(content) <= _POINTER_SIZE and content.startswith(_POINTER):
                pointers += paths[blob]
    return tuple(_note(_POINTERS, sorted(pointers)))


def _list(git: Git, commit: str) -> list[Entry]:
    """Read a commit's tree, as far as its bounds go.

    Folders are listed, too: a tree may hold the same few over and over, to any depth, and not one file.
    """
    most = int(git.rules.files)
    done = git.run("ls-tree", "-r", "-t", "-l", "-z", "--full-tree", commit, most=most * _PRINTED)
    listed = done.out.split(b"\0")[:-1]
    folders = [item for item in listed if item.startswith(_FOLDER)]
    if len(listed) - len(folders) > most:
        raise too_many_files(git.rules.files)
    if len(folders) > most or done.cut:
        raise Refused(Reason.SIZE, TOO_MANY_FOLDERS)
    if done.code:
        raise git.refusal(done)
    return [_entry(item) for item in listed if not item.startswith(_FOLDER)]


def _entry(item: bytes) -> Entry:
    found = _ENTRY.fullmatch(item)
    if not found or (found[1] == _SUBMODULE.encode()) is (found[2] == b"blob"):
        raise Refused(Reason.BROKEN, UNREADABLE)
    mode, _, blob, size, path = found.groups()
    return Entry(os.fsdecode(path), mode.decode(), blob.decode(), 0 if size == b"-" else int(size))


class _Place:
    """A place in a file system that knows no case and one Unicode form; what it is called by whom."""

    __slots__ = ("below", "called")

    def __init__(self) -> None:
        self.below: dict[str, _Place] = {}
        self.called: set[tuple[str, int]] = set()


def _distinct(entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries that such a file system takes for nothing else, nor their folders.

    Each part of a path is looked at by itself: whole paths, folded, could fill the memory.
    """
    fold = cache(folded)
    root = _Place()
    ways = []
    for number, entry in enumerate(entries):
        parts, way = entry.path.split("/"), [root]
        for depth, part in enumerate(parts, 1):
            place = way[-1].below.setdefault(fold(part), _Place())
            place.called.add((part, number if depth == len(parts) else -1))  # a folder has no number
            way.append(place)
        ways.append(way)
    alone = [all(len(place.called) < 2 for place in way) for way in ways]
    return [entry for entry, kept in zip(entries, alone, strict=True) if kept]


def _odd(path: str) -> bool:
    """Say whether a path, or a part of it, could mean something else on some system."""
    parts = path.split("/")
    return len(parts) > _DEEPEST or len(os.fsencode(path)) > _LONGEST or any(map(_odd_part, parts))


def _odd_part(name: str) -> bool:
    if not name or name in (".", "..") or len(os.fsencode(name)) > 200:
        return True
    if odd_characters(name) or _WINDOWS & set(name) or name[-1] in " .":
        return True
    # What git itself, NTFS or HFS+ may take for the repository.
    plain = unicodedata.normalize("NFKC", name).casefold().rstrip(" .").partition(":")[0]
    return plain == ".git" or bool(_SHORT_NAME.fullmatch(plain))


def _blobs(printed: IO[bytes], blobs: dict[str, int]) -> Iterator[tuple[str, bytes]]:
    """Yield what `git cat-file --batch` printed."""
    for blob, size in blobs.items():
        found = _HEADER.fullmatch(printed.readline(200))
        if not found or found[1].decode() != blob or int(found[2]) != size:
            raise Refused(Reason.BROKEN, UNREADABLE)
        content = printed.read(size)
        printed.read(1)
        yield blob, content


def _write(folder: Path, path: str, content: bytes) -> None:
    target = folder / path
    target.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(target, flags, 0o644), "wb") as file:  # noqa: PTH123  # opened with flags of our own
        file.write(content)


_LEFT_OUT = Text(
    "left out, because of their names (or because they are submodules): {}; rename them",
    "因名称不可移植（或属于子模块）而未检出：{}；请改名",
)
_LINKS = Text(
    "symbolic links, not followed: {}; commit the files themselves",
    "符号链接，不会跟随：{}；请直接提交文件本身",
)
_POINTERS = Text(
    "Git LFS pointers instead of the files: {}; commit them without LFS (instructors: `git lfs pull`)",
    "Git LFS 指针而非文件本身：{}；请不要用 LFS 提交（教师可用 git lfs pull 获取）",
)


def _note(text: Text, paths: Sequence[str]) -> list[Text]:
    if not paths:
        return []
    shown = ", ".join(line(path, 80) for path in paths[:_NAMED])
    more = f" (+{len(paths) - _NAMED})" if len(paths) > _NAMED else ""
    return [Text(text.en.format(shown + more), text.zh.format(shown + more))]
