"""Write a commit's files into a new folder, as bytes: nothing of the student's decides how, or where.

No checkout is run, so no attribute, filter or hook has a say. Links and submodules are not made. What has a
name that some system could take for another one is left out and noted; the rest is graded.
"""

from __future__ import annotations

import os
import re
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from grader.git.failures import UNREADABLE, Reason, Refused, too_many_bytes, too_many_files
from grader.git.process import Git
from grader.job import Text
from grader.sanitise import line
from grader.submission.listing import folded, odd_characters

_DEEPEST = 30
_LONGEST = 1000  # bytes of a path
_ENTRY = re.compile(rb"(\d{6}) (\w+) ([0-9a-f]{40,64}) +(-|\d+)\t([^\0]+)")
_HEADER = re.compile(rb"([0-9a-f]{40,64}) blob (\d+)\n")
_POINTER = b"version https://git-lfs.github.com/spec/"
_POINTER_SIZE = 1024
_LINK, _SUBMODULE = "120000", "160000"
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
    folders = {folder for entry in entries for folder in _folders(entry.path)}
    spelled = Counter(folded(path) for path in (*folders, *(entry.path for entry in entries)))
    twice = {path for path, count in spelled.items() if count > 1}
    kept: list[Entry] = []
    left_out: list[Entry] = []
    for entry in entries:
        refused = entry.mode == _SUBMODULE or _odd(entry.path) or _collides(entry.path, twice)
        (left_out if refused else kept).append(entry)
    links = [entry.path for entry in kept if entry.mode == _LINK]
    return kept, (*_note(_LEFT_OUT, [entry.path for entry in left_out]), *_note(_LINKS, links))


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
    """Read a commit's tree. A tree that names the same few folders over and over is cut off."""
    most = int(git.rules.files) * 300
    done = git.run("ls-tree", "-r", "-l", "-z", "--full-tree", commit, most=most)
    listed = done.out.split(b"\0")[:-1]
    if len(listed) > git.rules.files or done.code in (-25, 128 + 25):
        raise too_many_files(git.rules.files)
    if done.code:
        raise git.refusal(done)
    entries = []
    for item in listed:
        found = _ENTRY.fullmatch(item)
        if not found or (found[1] == _SUBMODULE.encode()) is (found[2] == b"blob"):
            raise Refused(Reason.BROKEN, UNREADABLE)
        mode, _, blob, size, path = found.groups()
        length = 0 if size == b"-" else int(size)
        entries.append(Entry(os.fsdecode(path), mode.decode(), blob.decode(), length))
    return entries


def _folders(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[:i]) for i in range(1, len(parts)))


def _collides(path: str, twice: set[str]) -> bool:
    return any(folded(prefix) in twice for prefix in (*_folders(path), path))


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
