"""Keep results in a SQLite database: what is known already, what a killed run had done, and history.

A result is stored under the key of everything that can change it (`job_key`). Points are not in a
result, so changing them never makes one stale. Each `put` is one committed transaction.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import platform
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Generic, Self

import msgspec

from grader.errors import UngradedError
from grader.job import JobResult, JobSummary, ResultT, State

_APPLICATION = 0x6772_6472  # "grdr": tells our file from any other SQLite database
_FORMAT = 1  # of the JSON in column `result`; raise it when JobResult changes its meaning
_WAIT = 10.0  # seconds to wait for another process's transaction
_PACKAGES = ("torch", "transformers", "triton")
# Parts of the grader that decide no result; tests/test_store.py holds them against what grades.
_COMMANDS = "__main__ check cli cluster diff doctor feedback handout merge nulls publish verify"
_AROUND = "bundle course faults git lock plan reports run spool store targets transplant"
_APART = frozenset((*_COMMANDS.split(), *_AROUND.split()))

# One entry per version of the schema, applied in order; never change one that was released.
_MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE results (
            id INTEGER PRIMARY KEY,
            key TEXT NOT NULL,
            exercise TEXT NOT NULL,
            submission TEXT NOT NULL,
            device TEXT NOT NULL,
            commit_id TEXT NOT NULL,
            state TEXT NOT NULL,
            stored TEXT NOT NULL,
            format INTEGER NOT NULL,
            result BLOB NOT NULL
        )""",
        "CREATE INDEX results_by_key ON results (key, id)",
        "CREATE INDEX results_by_job ON results (submission, exercise, device, id)",
    ),
)
_COLUMNS = "key, commit_id, stored, format, result"


@dataclass(frozen=True, slots=True)
class Stored(Generic[ResultT]):
    """A result with what the store knows of it.

    `stored` is an ISO 8601 time in UTC; `digest` tells two results apart, whatever they are stored under.
    """

    key: str
    commit: str
    stored: str
    result: ResultT
    digest: str = ""


class Store:
    """The results of a course in one file. A context manager; one process should write, many may read.

    Raises `UngradedError`, with what to do, where the file cannot be used.
    """

    def __init__(self, path: Path, wait: float = _WAIT) -> None:
        self._path = path
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(
                os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
            )  # scores and seeds are nobody else's business
            self._database = sqlite3.connect(path, timeout=wait, isolation_level=None)
            try:
                _use_log(self._database, time.monotonic() + wait)
                migrate(self._database, _MIGRATIONS)
            except BaseException:
                self._database.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def known(self, submission: str, keys: Iterable[str]) -> dict[str, JobResult]:
        """Return a submission's newest results that may be used again, by key; what is not known is left out.

        A key is what a machine said of its result. Whatever it says, it speaks for its own submissions only.
        """
        found = self._select(
            JobResult,
            "WHERE id IN (SELECT max(id) FROM results WHERE state != ? AND submission = ?"
            " AND key IN (SELECT value FROM json_each(?)) GROUP BY key)",
            State.UNGRADED,
            submission,
            json.dumps(list(keys)),
        )
        return {stored.key: stored.result for stored in found}

    def put(self, key: str, result: JobResult, commit: str = "", stored: str = "") -> None:
        """Add a result to the history; on return it is on disk. An ungraded one will never be reused.

        `stored` is the time at which another machine stored it first. Raises msgspec.ValidationError, and
        stores nothing, for a result with a value that none can have.
        """
        content = _encode(checked(result))
        names = (result.exercise, result.submission, result.device, commit)
        row = (
            key,
            *(_text(name) for name in names),
            result.state,
            stored or datetime.now(UTC).isoformat(timespec="seconds"),
            _FORMAT,
            content,
        )
        with _explained(self._path):
            self._database.execute(
                "INSERT INTO results"
                " (key, exercise, submission, device, commit_id, state, stored, format, result)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )

    def latest(self, submission: str = "", before: str = "") -> Iterator[Stored[JobResult]]:
        """Yield the newest result of every (submission, exercise, device), in that order.

        Of one submission, if it is named; with `before`, an ISO 8601 time in UTC, the newest of then.
        """
        return self._latest(JobResult, submission, before)

    def summaries(self, before: str = "") -> Iterator[Stored[JobSummary]]:
        """Yield the same of all submissions, without the texts that tables do not show."""
        return self._latest(JobSummary, "", before)

    def _latest(self, kind: type[ResultT], submission: str, before: str) -> Iterator[Stored[ResultT]]:
        conditions = {"submission = ?": submission, "stored < ?": before}
        asked = {sql: value for sql, value in conditions.items() if value}
        where = f"WHERE {' AND '.join(asked)}" if asked else ""
        newest = f"SELECT max(id) FROM results {where} GROUP BY submission, exercise, device"  # noqa: S608
        order = "ORDER BY submission, exercise, device"
        return self._select(kind, f"WHERE id IN ({newest}) {order}", *asked.values())

    def history(self, submission: str, exercise: str) -> list[Stored[JobResult]]:
        """Return all results of a submission's exercise, oldest first."""
        asked = "WHERE submission = ? AND exercise = ? ORDER BY id"
        return list(self._select(JobResult, asked, submission, exercise))

    def _select(self, kind: type[ResultT], where: str, *values: str) -> Iterator[Stored[ResultT]]:
        """Yield rows one by one: a class of a thousand does not fit into memory twice."""
        with _explained(self._path):
            query = f"SELECT {_COLUMNS} FROM results {where}"  # noqa: S608 - `where` is ours
            for key, commit, stored, form, blob in self._database.execute(query, values):
                yield Stored(key, commit, stored, _decode(blob, form, kind), hashlib.sha256(blob).hexdigest())


def migrate(database: sqlite3.Connection, migrations: Sequence[Sequence[str]]) -> None:
    """Bring a database (in autocommit mode) to the newest schema, all of it or nothing.

    Raises `_UnusableError` for a database of something else or of a newer grader.
    """
    if (
        _number(database, "user_version") == len(migrations)
        and _number(database, "application_id") == _APPLICATION
    ):
        return
    database.execute(
        "BEGIN IMMEDIATE"
    )  # of two processes that start at once, the second waits and finds it done
    try:
        _check_owner(database, newest=len(migrations))
        for statement in chain.from_iterable(migrations[_number(database, "user_version") :]):
            database.execute(statement)
        database.execute(f"PRAGMA application_id = {_APPLICATION}")
        database.execute(f"PRAGMA user_version = {len(migrations)}")
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:  # SQLite has rolled back by itself where the disk was full
            database.execute("ROLLBACK")
        raise


def job_key(
    *,
    exercise: str,
    ancestors: Iterable[str],
    snapshot: str,
    device: str,
    wall: str,
    options: Mapping[str, str] | None = None,
) -> str:
    """Return the digest of all that decides a job's result.

    `exercise` and `ancestors` are digests of the exercises' code without their points, `snapshot` that of
    the student's files; `options` are those of the run that matter (`model`, an explicit `seed`).
    """
    parts = {
        "exercise": exercise,
        "ancestors": list(ancestors),
        "snapshot": snapshot,
        "device": device,
        "wall": wall,
        "options": dict(options or {}),
        "versions": dict(versions()),
        "code": code_digest(),
    }
    canonical = json.dumps(parts, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


@cache
def versions() -> tuple[tuple[str, str], ...]:
    """Return (name, version) of what can change a result, without importing any of it."""
    return (
        ("grader", _version("llm-course-grader")),
        ("python", platform.python_version()),
        *((name, _version(name)) for name in _PACKAGES),
    )


def code_digest() -> str:
    """Return a digest of the grader's own source, as far as it decides results: no commands, no reports."""
    return source_digest(_APART)


@cache
def source_digest(without: frozenset[str] = frozenset()) -> str:
    """Return a digest of the grader's own source: a version number does not change with every fix."""
    root = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        name = path.relative_to(root)
        if name.parts[0].removesuffix(".py") not in without:
            digest.update(f"{name.as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()


class _UnusableError(Exception):
    """What is wrong with the file, and what to do."""


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn whatever a database can suffer from into one line for the user."""
    try:
        yield
    except (sqlite3.Error, OSError, _UnusableError) as error:
        raise UngradedError(f"results store {path}: {_explain(error)}") from error


def _explain(error: Exception) -> str:
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "another grader is writing to it; wait until that one has finished and run again"
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return f"damaged or not a database ({error}); move it away and run again: everything is graded anew"
    if code == sqlite3.SQLITE_FULL:
        return "the disk is full; make room and run again: what is stored is kept"
    if isinstance(error, _UnusableError):
        return str(error)
    return f"{error}; check that the folder exists, is writable and has room"


def _use_log(database: sqlite3.Connection, deadline: float) -> None:
    """Switch to a write-ahead log, so that readers never wait and a kill leaves no half transaction.

    SQLite's own timeout does not cover the switch where several processes open a new file at once.
    """
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = FULL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _check_owner(database: sqlite3.Connection, newest: int) -> None:
    known = _number(database, "user_version")
    if _number(database, "application_id") == _APPLICATION:
        if known > newest:
            raise _UnusableError(
                f"written by a newer grader (schema {known}, this one knows {newest}); update the grader"
            )
    elif known or database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise _UnusableError("this is a database of another program; choose another path")


def _number(database: sqlite3.Connection, pragma: str) -> int:
    return int(database.execute(f"PRAGMA {pragma}").fetchone()[0])


def _encode(result: JobResult) -> bytes:
    return msgspec.json.encode(storable(msgspec.to_builtins(result)))


def checked(result: JobResult) -> JobResult:
    """Return a result as it is once it was stored. Raises msgspec.ValidationError if none can be so."""
    return msgspec.json.decode(_encode(result), type=JobResult)


def _decode(blob: bytes, form: int, kind: type[ResultT]) -> ResultT:
    if form != _FORMAT:
        raise _UnusableError(f"a result is in format {form}, this grader reads {_FORMAT}; update the grader")
    try:
        return msgspec.json.decode(blob, type=kind)
    except msgspec.DecodeError as error:
        raise _UnusableError(f"holds an unreadable result ({error}); move it away and run again") from error


def storable(value: object) -> object:
    """Replace what JSON cannot hold: lone surrogates in text, and the infinite error of a NaN answer."""
    match value:
        case dict():
            return {key: storable(item) for key, item in value.items()}
        case list() | tuple():
            return [storable(item) for item in value]
        case str():
            return _text(value)
        case float() if not math.isfinite(value):
            return -sys.float_info.max if value < 0 else sys.float_info.max
    return value


def _text(value: str) -> str:
    return value.encode("utf-8", errors="replace").decode()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "absent"
