"""Copy what is graded out of a hostile tree, once: the same bytes feed digest, policy and worker."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from grader.errors import UngradedError, UsageError
from grader.exercise import NOT_GRADED
from grader.job import Text
from grader.sanitise import line
from grader.submission.beneath import open_beneath, read_at_most
from grader.submission.listing import folded, odd_characters

MOST_BYTES = 256 * 1024  # of one file
MOST_TOTAL = 2 * 1024 * 1024
MOST_FILES = 200
MOST_PATH = 512  # characters, as many as travel
_MOST_ENTRIES = 4096  # names looked at, wanted or not
_DEEPEST = 8
_LFS = b"version https://git-lfs.github.com/spec/"

_SPECIAL = Text(
    "is not a regular file (a link, a pipe, a device); only plain files are graded",
    "不是普通文件（可能是链接、管道或设备）；只评测普通文件",
)
_FOLDER = Text(
    "is not a plain folder (a link, or on another file system)",
    "不是普通文件夹（可能是链接，或位于其他文件系统）",
)
_HARD_LINK = Text("is a hard link to another file; make it a copy", "是指向其他文件的硬链接；请改为复制")
_TOO_LARGE = Text(f"is larger than {MOST_BYTES // 1024} KiB", f"超过 {MOST_BYTES // 1024} KiB")
_POINTER = Text(
    "is a Git LFS pointer, not the file itself; commit the file without LFS",
    "是 Git LFS 指针，而不是文件本身；请不要用 LFS 提交该文件",
)
_UNREADABLE = Text("cannot be read", "无法读取")
_TOO_DEEP = Text(f"has folders nested more than {_DEEPEST} deep", f"文件夹嵌套超过 {_DEEPEST} 层")
_TOO_MANY = Text(
    f"has more than {MOST_FILES} Python files, or more than {_MOST_ENTRIES} files of any kind",
    f"Python 文件超过 {MOST_FILES} 个，或各类文件总数超过 {_MOST_ENTRIES} 个",
)
_TOO_LONG = Text(
    f"has a path of more than {MOST_PATH} characters; shorten it", f"路径超过 {MOST_PATH} 个字符；请缩短"
)
_TOO_MUCH = Text(
    f"has more than {MOST_TOTAL // 2**20} MiB of code in all", f"代码总量超过 {MOST_TOTAL // 2**20} MiB"
)
# What a hostile tree can make the system say; anything else is our own trouble.
_THEIRS = (
    errno.ELOOP, errno.ENOTDIR, errno.EISDIR, errno.EXDEV, errno.EACCES, errno.EPERM, errno.ENXIO,
    errno.ENODEV, errno.ENAMETOOLONG, errno.EINVAL, errno.EOVERFLOW, errno.ETXTBSY, errno.EAGAIN,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hazard:
    """Something in a checkout that is not graded, and why. A fatal one fails the exercise it lies in.

    `path` is safe to show; `en` and `zh` are whole sentences that begin with it.
    """

    path: str
    en: str
    zh: str
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The files to be graded, by path in the student's repository."""

    files: Mapping[str, bytes]
    digest: str
    hazards: tuple[Hazard, ...] = ()


def snapshot(path: Path, exercises: Sequence[str]) -> Snapshot:
    """Copy `exercises/NAME/**/*.py` and `exercises/NAME/PSEUDOCODE.md` of the given exercises.

    Never follows a link, never waits, reads a bounded amount. What is refused is among the hazards. Raises
    UsageError where `path` is no directory, UngradedError where the system fails us.
    """
    (taken,) = snapshots(path, [exercises])
    return taken


def snapshots(path: Path, groups: Sequence[Sequence[str]]) -> list[Snapshot]:
    """Copy several groups of exercises, each exercise once: all see the same bytes of it."""
    try:
        root = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError as error:
        raise UsageError(f"cannot open the submission {path}: {error.strerror}") from error
    copies = {name: _Copy() for name in chain.from_iterable(groups)}  # each with a budget of its own
    try:
        for name, copy in copies.items():
            copy.take(root, f"exercises/{name}")
    finally:
        os.close(root)
    return [_put_together([copies[name] for name in group]) for group in groups]


def _put_together(copies: Sequence[_Copy]) -> Snapshot:
    files = dict(sorted(chain.from_iterable(copy.files.items() for copy in copies)))
    hazards = tuple(chain.from_iterable(copy.hazards for copy in copies))
    return Snapshot(files, _digest(files, hazards), hazards)


def _digest(files: Mapping[str, bytes], hazards: Sequence[Hazard]) -> str:
    """Digest paths and contents; and what was refused, so that it is not taken for what is missing."""
    digest = hashlib.sha256()
    for path, content in files.items():
        name = path.encode()
        digest.update(len(name).to_bytes(8, "little") + name + len(content).to_bytes(8, "little") + content)
    for hazard in hazards:
        digest.update(repr((hazard.path, hazard.en, hazard.fatal)).encode())
    return digest.hexdigest()


class _Refused(Exception):  # noqa: N818  # not an error: it ends as data
    def __init__(self, why: Text, path: str = "") -> None:
        self.why, self.path = why, path
        super().__init__(why.en)


class _Copy:
    """What has been copied so far, and how much of the budget is left."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.hazards: list[Hazard] = []
        self.entries = 0
        self.total = 0

    def take(self, root: int, folder: str) -> None:
        """Copy one exercise. A fatal hazard leaves none of its files."""
        known = len(self.hazards)
        try:
            with _opened(root, folder, os.O_DIRECTORY, _FOLDER) as directory:
                self._walk(directory, folder, 0)
        except FileNotFoundError:
            return  # nothing handed in
        except _Refused as refused:
            self._refuse(refused.path or folder, refused.why, fatal=True)
        if any(hazard.fatal for hazard in self.hazards[known:]):
            for path in [p for p in self.files if p.startswith(f"{folder}/")]:
                del self.files[path]

    def _walk(self, directory: int, folder: str, depth: int) -> None:
        if depth > _DEEPEST:
            raise _Refused(_TOO_DEEP)
        seen: dict[str, str] = {}
        for name, mode in self._list(directory):
            path = f"{folder}/{name}"
            wanted = name.endswith(".py") or (depth == 0 and name == "PSEUDOCODE.md")
            if not (wanted or stat.S_ISDIR(mode) or (stat.S_ISLNK(mode) and "." not in name)):
                continue
            other = seen.setdefault(folded(name), name)
            if other != name:
                raise _Refused(_collision(other), path)
            if odd := odd_characters(name):
                self._refuse(path, Text(f"has a name that {odd}; rename it", "文件名含有特殊字符；请改名"))
                continue
            try:
                if stat.S_ISDIR(mode):
                    with _opened(directory, name, os.O_DIRECTORY, _FOLDER) as below:
                        self._walk(below, path, depth + 1)
                elif len(path) > MOST_PATH:
                    raise _Refused(_TOO_LONG)
                elif stat.S_ISREG(mode):
                    self._keep(path, _read(directory, name))
                else:
                    raise _Refused(_SPECIAL)
            except FileNotFoundError:
                continue  # gone since we saw it
            except _Refused as refused:
                if refused.why in (_TOO_DEEP, _TOO_MANY, _TOO_MUCH) or refused.path:
                    raise
                self._refuse(path, refused.why, fatal=depth == 0 and name == "solution.py")

    def _list(self, directory: int) -> list[tuple[str, int]]:
        """Return name and mode of what is in a directory, sorted; dot-files and tests are left out."""
        found: list[tuple[str, int]] = []
        try:
            with os.scandir(directory) as entries:
                for entry in entries:
                    self.entries += 1
                    if self.entries > _MOST_ENTRIES:
                        raise _Refused(_TOO_MANY)
                    if not entry.name.startswith(".") and entry.name not in NOT_GRADED:
                        found.append((entry.name, entry.stat(follow_symlinks=False).st_mode))
        except OSError as error:
            raise _explained(error, _UNREADABLE) from error
        return sorted(found)

    def _keep(self, path: str, content: bytes) -> None:
        self.total += len(content)
        if self.total > MOST_TOTAL:
            raise _Refused(_TOO_MUCH)
        if len(self.files) >= MOST_FILES:
            raise _Refused(_TOO_MANY)
        self.files[path] = content

    def _refuse(self, path: str, why: Text, *, fatal: bool = False) -> None:
        shown = line(path, 120)
        self.hazards.append(Hazard(shown, f"{shown} {why.en}", f"{shown} {why.zh}", fatal))


def _collision(other: str) -> Text:
    shown = line(other, 80)
    return Text(
        f"differs from {shown} only in case or Unicode form; rename one",
        f"与 {shown} 仅大小写或 Unicode 形式不同；请改名",
    )


def _read(directory: int, name: str) -> bytes:
    """Read one file. Raises _Refused, FileNotFoundError."""
    with _opened(directory, name, 0, _SPECIAL) as file:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise _Refused(_SPECIAL)
        if status.st_nlink != 1:
            raise _Refused(_HARD_LINK)
        content = read_at_most(file, MOST_BYTES) if status.st_size <= MOST_BYTES else None
    if content is None:
        raise _Refused(_TOO_LARGE)
    if content.startswith(_LFS):
        raise _Refused(_POINTER)
    return content


@contextmanager
def _opened(directory: int, path: str, flags: int, why: Text) -> Iterator[int]:
    try:
        file = open_beneath(directory, path, flags)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _explained(error, why) from error
    try:
        yield file
    finally:
        os.close(file)


def _explained(error: OSError, why: Text) -> Exception:
    """Tell a hostile tree's refusal from trouble of our own."""
    if error.errno in (errno.EACCES, errno.EPERM):
        return _Refused(_UNREADABLE)
    if error.errno in _THEIRS:
        return _Refused(why)
    return UngradedError(f"cannot read a submission: {error}")
