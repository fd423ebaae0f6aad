"""Results as a text file that travels between machines: a line about the run, then a line for each result.

What comes out of a job that ran students' code is believed only as far as it has the right form: these
are typed JSON lines, which nothing can hide in, not a database that has to be opened. Which part of a class a
file is, and whether it is one, is for whoever puts the files together to know (`grader/merge.py`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Annotated, Self

import msgspec
from msgspec import Meta, Struct

from grader.errors import UngradedError, UsageError
from grader.exercise import Exercise
from grader.job import Digest, JobResult
from grader.sanitise import line
from grader.store import Stored, code_digest, storable
from grader.submission import Snapshot

FORMAT = 1
LONGEST_LINE = 32 << 20  # bytes of one result
LARGEST = 512 << 20  # bytes of a file: a class of a thousand takes a tenth
SKEW = timedelta(minutes=5)  # by which another machine's clock may be ahead of ours
_SHARD = re.compile(r"([1-9][0-9]{0,3})/([1-9][0-9]{0,3})")


@dataclass(frozen=True, slots=True)
class Shard:
    """The part `number` of `count` of a class."""

    number: int = 1
    count: int = 1

    def members(self, names: Iterable[str]) -> frozenset[str]:
        """Return those of a course's names that are this part's: dealt out by their digests, equally many."""
        dealt = sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())
        return frozenset(dealt[self.number - 1 :: self.count])


def parse_shard(text: str) -> Shard:
    """Read `2/4`. Raises UsageError."""
    match = _SHARD.fullmatch(text)
    if match is None or int(match[1]) > int(match[2]):
        raise UsageError(f"--shard {text}: write NUMBER/COUNT, such as 2/4 for the second of four parts")
    return Shard(int(match[1]), int(match[2]))


class About(Struct, frozen=True, forbid_unknown_fields=True):
    """What a run says that it undertook; `kept` marks a file that is no run but all that a course has.

    `judged_by` holds, for each exercise, the digest of what judged it; `jobs` are (submission, exercise).
    """

    format: int
    kept: bool
    device: Annotated[str, Meta(pattern=r"\A(cpu|cuda)?\Z")] = ""
    shard: tuple[int, int] = (1, 1)
    versions: tuple[tuple[str, str], ...] = ()
    judged_by: dict[str, str] = {}
    submissions: tuple[str, ...] = ()
    jobs: tuple[tuple[str, str], ...] = ()


class _Line(Struct, frozen=True, forbid_unknown_fields=True):
    key: Digest
    commit: Annotated[str, Meta(pattern=r"\A([0-9a-f]{40}|[0-9a-f]{64})?\Z")]
    stored: Annotated[str, Meta(pattern=r"\A[0-9]{4}(-[0-9]{2}){2}T[0-9]{2}(:[0-9]{2}){2}\+00:00\Z")]
    result: JobResult


@dataclass(frozen=True, slots=True)
class Mark:
    """What a result was made of, kept in it for those who put results together and have no files."""

    judged_by: str
    snapshot: str
    files: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, judged_by: str, taken: Snapshot) -> Self:
        """Describe one job."""
        return cls(judged_by, taken.digest, tuple(_lengths(taken.files)))

    def on(self, result: JobResult) -> JobResult:
        """Return the result with this in it."""
        return replace(result, judged_by=self.judged_by, snapshot=self.snapshot, files=self.files)


def judge_digest(exercise: Exercise) -> str:
    """Return the digest of all that judges an exercise: its tests, those it builds on, the grader's code."""
    parts = [exercise.digest(), *(ancestor.foundation() for ancestor in exercise.ancestors), code_digest()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _lengths(files: Mapping[str, bytes]) -> Iterator[tuple[str, int]]:
    for path, content in files.items():
        if path.endswith(".py"):
            yield path, content.count(b"\n") + (not content.endswith(b"\n"))


@dataclass(frozen=True, slots=True)
class Bundle:
    """A file of results, read and checked for form. The first result stands in line 2."""

    path: Path
    about: About
    results: tuple[Stored[JobResult], ...]


def bundle_bytes(about: About, results: Sequence[Stored[JobResult]]) -> bytes:
    """Return a file's content, in an order that depends on the results alone: versions differ little."""
    order = sorted(results, key=lambda s: (s.result.submission, s.result.exercise, s.result.device))
    lines = [msgspec.json.encode(about)]
    lines += [
        msgspec.json.encode(storable(msgspec.to_builtins(_Line(s.key, s.commit, s.stored, s.result))))
        for s in order
    ]
    return b"\n".join(lines) + b"\n"


def read_bundle(path: Path) -> Bundle:
    """Read a file. Raises UsageError where there is none, UngradedError where it is no such file."""
    number, results = 1, list[Stored[JobResult]]()
    decoder = msgspec.json.Decoder(_Line)
    latest = datetime.now(UTC) + SKEW
    try:
        with path.open("rb") as file:
            lines = _lines(file, path)
            about = msgspec.json.decode(next(lines, b""), type=About)
            if about.format != FORMAT:
                raise UngradedError(
                    f"{path} is in format {about.format}, this grader reads {FORMAT}; update the older one"
                )
            for text in lines:
                number += 1
                read = decoder.decode(text)
                if datetime.fromisoformat(read.stored) > latest:
                    raise ValueError(f"stored at {read.stored}, which is still to come; set that clock right")
                results.append(Stored(read.key, read.commit, read.stored, read.result))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except ValueError as error:  # msgspec's own are of this kind
        raise UngradedError(
            f"{path}, line {number}: not a file of results, or a damaged one ({line(str(error))})"
        ) from None
    return Bundle(path, about, tuple(results))


def _lines(file: IO[bytes], path: Path) -> Iterator[bytes]:
    left = LARGEST
    while text := file.readline(min(LONGEST_LINE, left) + 1):
        if len(text) > left:
            raise UngradedError(f"{path}: larger than {LARGEST >> 20} MiB; not a file of results")
        if len(text) > LONGEST_LINE:
            raise UngradedError(
                f"{path}: a line is longer than {LONGEST_LINE >> 20} MiB; not a file of results"
            )
        if not text.endswith(b"\n"):
            raise UngradedError(f"{path}: ends in the middle of a line; copy it again")
        left -= len(text)
        yield text
