"""`.gitmodules` of the course, read as data and written by us: git itself never acts on it."""

from __future__ import annotations

import re
import stat
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from grader.course import Course
from grader.errors import ContentError, UngradedError, UsageError
from grader.git.address import Address, read_address, read_branch
from grader.git.failures import Reason, Refused
from grader.git.process import Git
from grader.job import Text
from grader.sanitise import line
from grader.submission.listing import folded, list_submissions, valid_name

_MOST = 4 << 20  # bytes of .gitmodules
_FOLDER = "submissions/"
_KEYS = ("path", "url", "branch", "ignore", "shallow", "fetchrecursesubmodules")  # the last three: not used
_UPDATES = {"checkout", "merge", "rebase", "none"}  # not used either; any other is a command
_STRANGE = re.compile(r"[\x00-\x1f\x7f]|^[-/~]|(?:^|/)\.\.?(?:/|$)|\\")


@dataclass(frozen=True, slots=True)
class Module:
    """A student's repository, checked. Without `branch`, the one that the server names is meant."""

    name: str
    section: str  # what git calls the submodule
    address: Address
    branch: str = ""


@dataclass(frozen=True, slots=True)
class Modules:
    """The submodules in `submissions/`, and the entries that are refused, by what they call themselves."""

    good: dict[str, Module]
    bad: dict[str, Refused]


def modules_path(course: Course) -> Path:
    """Return the file in which git keeps its submodules."""
    return course.root / ".gitmodules"


def read_modules(course: Course) -> Modules:
    """Read `.gitmodules`. Raises ContentError where the file as a whole cannot be used."""
    entries = {
        section: (values.get("path", [""])[-1], values)
        for section, values in _sections(course, modules_path(course)).items()
    }
    spelled = Counter(folded(path) for path, _ in entries.values())
    good: dict[str, Module] = {}
    bad: dict[str, Refused] = {}
    for section, (path, values) in entries.items():
        if not (path.startswith(_FOLDER) or _STRANGE.search(path) or _STRANGE.search(section)):
            continue  # a submodule of the course's own
        name = path.removeprefix(_FOLDER)
        try:
            if spelled[folded(path)] > 1:
                raise _wrong("two entries have this folder", "有两个条目使用这个文件夹")
            good[name] = _module(course, section, name, values)
        except Refused as refused:
            bad[line(name) or line(section)] = refused
    return Modules(good, bad)


def enrolled(course: Course) -> tuple[str, ...]:
    """Return the names of all submissions: folders, and submodules of which nothing may be here."""
    folders = {submission.name for submission in list_submissions(course.submissions_path)}
    return tuple(sorted(folders | read_modules(course).good.keys()))


def section_text(module: Module) -> str:
    """Return the entry of one submodule, as it stands in `.gitmodules`."""
    rows = "".join(f"\t{key} = {quoted(value)}\n" for key, value in _values(module).items())
    return f"[submodule {quoted(module.section)}]\n{rows}"


def quoted(value: str) -> str:
    """Return a value, or the name of a section, as git's configuration has it."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def change_modules(course: Course, gone: Iterable[str], new: Sequence[Module]) -> None:
    """Take sections out of `.gitmodules` and write entries to its end, all or nothing.

    What was written is read back before it takes the place of what is there: one entry that git reads
    otherwise would break the whole course's. Raises UngradedError.
    """
    path = modules_path(course)
    due = _sections(course, path)
    text = path.read_bytes() if path.exists() else b""
    temporary = path.with_name(".gitmodules.tmp")
    try:
        temporary.write_bytes(text)
        for section in gone:
            _remove_section(course, temporary, section)
            del due[section]
        text = temporary.read_bytes()
        gap = b"" if not text or text.endswith(b"\n") else b"\n"
        for module in new:
            due[module.section] = {key: [value] for key, value in _values(module).items()}
        temporary.write_bytes(text + gap + "".join(map(section_text, new)).encode())
        if not _reads_as(course, temporary, due):
            raise UngradedError(f"cannot change {path}: git would read it otherwise; edit it by hand")
        temporary.replace(path)
    except OSError as error:
        raise UngradedError(f"cannot write {path}: {error.strerror}") from error
    finally:
        temporary.unlink(missing_ok=True)


def _reads_as(course: Course, path: Path, due: dict[str, dict[str, list[str]]]) -> bool:
    try:
        return _sections(course, path) == due
    except ContentError:
        return False


def _values(module: Module) -> dict[str, str]:
    values = {"path": _FOLDER + module.name, "url": module.address.url, "branch": module.branch}
    return {key: value for key, value in values.items() if value}


def _remove_section(course: Course, path: Path, section: str) -> None:
    done = Git(course.pull).run("config", f"--file={path}", "--remove-section", f"submodule.{section}")
    if done.code:
        raise UngradedError(f"cannot change {modules_path(course)}: {line(done.words)}")


def _sections(course: Course, path: Path) -> dict[str, dict[str, list[str]]]:
    """Return key and values of each section called `submodule`. Raises ContentError."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return {}
    if not stat.S_ISREG(status.st_mode) or status.st_size > _MOST:
        raise ContentError(path, "must be a plain file of reasonable size")
    done = Git(course.pull).run(
        "config", f"--file={path}", "--no-includes", "--null", "--list", most=2 * _MOST
    )
    if done.code:
        raise ContentError(path, f"git cannot read it: {line(done.words, 120)}")
    sections: dict[str, dict[str, list[str]]] = {}
    for item in done.out.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        key, _, value = item.partition("\n")
        kind, _, rest = key.partition(".")
        section, dot, name = rest.rpartition(".")
        if kind == "submodule" and dot:
            sections.setdefault(section, {}).setdefault(name, []).append(value)
    return sections


def _module(course: Course, section: str, name: str, values: dict[str, list[str]]) -> Module:
    path = _FOLDER + name
    try:
        valid_name(name)
    except UsageError as error:
        raise _wrong(str(error), f"提交的文件夹不能叫 {line(repr(name))}") from None
    if values["path"][-1] != path or section not in (name, path) or section == _FOLDER[:-1]:
        raise _wrong(
            f"it must be called {name} or {path}, as its folder is, not {line(repr(section), 120)}",
            f"子模块名必须与文件夹一致（{name} 或 {path}），而不是 {line(repr(section), 120)}",
        )
    for key, found in values.items():
        if key not in _KEYS and not (key == "update" and set(found) <= _UPDATES):
            raise _wrong(
                f"{line(key)!r} is not allowed there; take it out", f"不允许使用 {line(key)!r}；请删除"
            )
        if len(set(found)) > 1:
            raise _wrong(f"{key!r} has two values", f"{key!r} 有两个值")
    address = read_address(values.get("url", [""])[-1], course.pull)
    branch = values.get("branch", [""])[-1]
    return Module(name, section, address, read_branch(branch) if branch else "")


def _wrong(en: str, zh: str) -> Refused:
    return Refused(Reason.ENTRY, Text(en, zh))
