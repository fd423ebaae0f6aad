"""Enrol students and take them out: entries of `.gitmodules`, and what belongs to them."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from grader.course import Course
from grader.errors import UngradedError, UsageError, unknown_name
from grader.git.address import read_address, read_branch
from grader.git.failures import Refused
from grader.git.modules import Module, change_modules, read_modules
from grader.git.process import Git
from grader.git.pull import alone
from grader.git.record import read_record, write_record
from grader.git.repository import modules_folder
from grader.sanitise import line
from grader.submission.listing import folded, list_submissions, valid_name

if TYPE_CHECKING:
    from _csv import Reader  # has no other name before Python 3.13

_COLUMNS = ("name", "url", "branch")


@dataclass(frozen=True, slots=True)
class Student:
    """One line of a class list; `where` says which, for an error."""

    name: str
    url: str
    branch: str = ""
    where: str = ""


def read_students(path: Path) -> list[Student]:
    """Read a class list: CSV with the columns name, url and, if you like, branch. Raises UsageError."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8; save it as `CSV UTF-8`") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    first = text.partition("\n")[0]
    separator = next((mark for mark in "\t;" if mark in first), ",")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        return _students(path, rows)
    except csv.Error as error:
        raise UsageError(f"{path}:{rows.line_num}: {error}") from None


def _students(path: Path, rows: Reader) -> list[Student]:
    head = [cell.strip().casefold() for cell in next(rows, [])]
    if sorted(set(head) & set(_COLUMNS[:2])) != sorted(_COLUMNS[:2]):
        raise UsageError(f"{path}:1: the first line must name the columns: {', '.join(_COLUMNS)}")
    students = []
    for row in rows:
        cells = dict(zip(head, (cell.strip() for cell in row), strict=False))
        name, url, branch = (cells.get(column, "") for column in _COLUMNS)
        if name or url:
            students.append(Student(name, url, branch, f"{path}:{rows.line_num}: "))
    return students


def add(course: Course, students: Sequence[Student]) -> tuple[list[str], list[str]]:
    """Enrol students, all or none; return the names that are new, and those whose entry has changed.

    Raises UsageError where a name or address cannot be used.
    """
    with alone(course):
        modules_folder(course)
        known = read_modules(course)
        taken = {folded(name): name for name in (*known.good, *known.bad)}
        taken |= {folded(s.name): s.name for s in list_submissions(course.submissions_path)}
        new: list[Module] = []
        changed: list[Module] = []
        for student in students:
            module = _checked(course, student)
            before = known.good.get(module.name)
            if before is None and folded(module.name) in taken:
                raise UsageError(f"{student.where}{_taken(course, module.name, taken[folded(module.name)])}")
            taken[folded(module.name)] = module.name
            if before is None:
                new.append(module)
            elif (before.address, before.branch) != (module.address, module.branch):
                changed.append(replace(module, section=before.section))
        if new or changed:
            change_modules(course, [module.section for module in changed], (*new, *changed))
    return [module.name for module in new], [module.name for module in changed]


def remove(course: Course, names: Iterable[str], *, folders: bool = False) -> list[str]:
    """Take students out: entry, files, repository and record. Results stay in the store.

    A plain folder may be the only copy, and is deleted with `folders` only. Raises UsageError.
    """
    with alone(course):
        modules = read_modules(course)
        plain = {s.name for s in list_submissions(course.submissions_path)} - {*modules.good, *modules.bad}
        gone = sorted(set(names))
        for name in gone:
            if name not in modules.good and name not in plain:
                raise unknown_name("submission", name, (*modules.good, *plain))
            if name in plain and not folders:
                raise UsageError(f"submissions/{name} is a plain folder, perhaps the only copy; add --delete")
        for name in gone:
            if name in modules.good:
                _remove_module(course, modules.good[name])
            _delete(course.submissions_path / name)
        write_record(course, {k: v for k, v in read_record(course).items() if k not in gone})
    return gone


def _checked(course: Course, student: Student) -> Module:
    try:
        name = valid_name(student.name)
        address = read_address(student.url, course.pull)
        branch = read_branch(student.branch) if student.branch else ""
    except UsageError as error:
        raise UsageError(f"{student.where}{error}") from None
    except Refused as refused:
        raise UsageError(f"{student.where}{line(student.name)}: {refused.text.en}") from None
    return Module(name, f"submissions/{name}", address, branch)


def _taken(course: Course, name: str, by: str) -> str:
    if by != name:
        return f"{name} and {by} differ only in case or Unicode form"
    if (course.submissions_path / name).is_dir():
        return f"submissions/{name} is a plain folder; move it away or choose another name"
    return f"{name} stands there twice, or its entry in .gitmodules is wrong"


def _remove_module(course: Course, module: Module) -> None:
    """Have git forget a submodule: index, configuration, repository."""
    change_modules(course, [module.section], ())
    at_course = Git(course.pull)
    root, path = ("-C", str(course.root)), f"submissions/{module.name}"
    at_course.run(*root, "config", "--local", "--remove-section", f"submodule.{module.section}")  # if there
    done = at_course.run(*root, "update-index", "--force-remove", "--", path)
    if done.code:
        raise UngradedError(f"git cannot take {path} out of its index: {line(done.words)}")
    _delete(modules_folder(course) / module.section)


def _delete(folder: Path) -> None:
    try:
        if folder.is_dir() and not folder.is_symlink():
            shutil.rmtree(folder)
    except OSError as error:
        raise UngradedError(f"cannot delete {error.filename or folder}: {error.strerror}") from error
