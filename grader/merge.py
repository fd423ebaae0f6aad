"""Put the results of several runs together: all parts of a class, and what another machine could grade."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import get_args

from grader.bundle import FORMAT, About, Bundle, Shard, bundle_bytes, judge_digest, read_bundle
from grader.course import Course
from grader.errors import UsageError
from grader.git import enrolled
from grader.job import JobResult, State
from grader.reports.write import write_file
from grader.sanitise import line
from grader.store import Store, Stored
from grader.wall.launch import Tier

_MEMORY_LIMITS = ("", "cgroup", "approximate")


@dataclass(frozen=True, slots=True)
class Merged:
    """How many results were new, and what is missing, one line for each."""

    added: int
    missing: tuple[str, ...]


def merge(course: Course, paths: Sequence[Path], out: Path | None = None) -> Merged:
    """Add the results in these files to the course's store; with `out`, write all that it then has there.

    Nothing is added if any file does not fit: another course or grader, results of nobody here or outside
    their part. Raises UsageError. What a part has not graded is no reason to leave out the rest.
    """
    bundles = [read_bundle(path) for path in paths]
    runs = [bundle for bundle in bundles if not bundle.about.kept]
    judges = {e.name: judge_digest(e) for e in course.exercises()}
    names = set(enrolled(course))
    for bundle in runs:
        _check_run(bundle, judges, names)
    missing = tuple(_missing(runs))
    with Store(course.store_path) as store:
        known = {_job(s): s for s in store.latest()}
        given = [s for bundle in bundles for s in bundle.results if s.result.submission in names]
        new = {_job(s): s for s in sorted(given, key=lambda s: s.stored) if s.result.exercise in judges}
        new = {job: s for job, s in new.items() if job not in known or _newer(s, known[job])}
        for stored in new.values():
            store.put(stored.key, stored.result, stored.commit, stored.stored)
        if out is not None:
            here = [s for s in store.latest() if s.result.submission in names]
            write_file(out, [bundle_bytes(About(FORMAT, kept=True), here)])
    return Merged(len(new), missing)


def _job(stored: Stored[JobResult]) -> tuple[str, str, str]:
    return stored.result.submission, stored.result.exercise, stored.result.device


def _newer(stored: Stored[JobResult], known: Stored[JobResult]) -> bool:
    """Say whether a result has to take the place of the one that is known: what is older never comes back."""
    same = (stored.key, stored.commit) == (known.key, known.commit)
    return not same and stored.stored >= known.stored


def _check_run(bundle: Bundle, judges: dict[str, str], names: set[str]) -> None:
    """See that a run is of this course, as it is now, and holds only what was its part."""
    about, path = bundle.about, bundle.path
    for exercise, digest in about.judged_by.items():
        if exercise not in judges:
            raise UsageError(f"{path}: of another course: there is no exercise {line(repr(exercise))} here")
        if digest != judges[exercise]:
            raise UsageError(
                f"{path}: {exercise} was graded with other tests, or by another grader; grade it anew"
            )
    strangers = sorted({*about.submissions} - names)
    if strangers:
        raise UsageError(f"{path}: of another course: {line(repr(strangers[0]))} is no student here")
    number, count = about.shard
    part = Shard(number, count).members(about.submissions) if 1 <= number <= count else frozenset()
    jobs = {(submission, exercise) for submission, exercise in about.jobs}
    for stored in bundle.results:
        result = stored.result
        job = (result.submission, result.exercise)
        if result.submission not in part or job not in jobs or result.device != about.device:
            shown = line(f"{result.submission} {result.exercise} ({result.device})")
            raise UsageError(
                f"{path}: holds {shown}, which is not in its part {number}/{count}; nothing was merged"
            )
        if result.wall not in ("", *get_args(Tier)) or result.memory_limit not in _MEMORY_LIMITS:
            raise UsageError(f"{path}: {job[0]} was not graded by a grader; nothing was merged")
        if result.judged_by != judges.get(result.exercise):
            raise UsageError(f"{path}: {line(result.exercise)} was graded with other tests; grade it anew")
        jobs.remove(job)


def _missing(runs: Iterable[Bundle]) -> Iterator[str]:
    """Yield what the parts of each run lack. Raises UsageError where they are not parts of one run."""
    for device, group in groupby(sorted(runs, key=lambda b: b.about.device), lambda b: b.about.device):
        parts = list(group)
        first = parts[0]
        seen: dict[int, Path] = {}
        for part in parts:
            number, count = part.about.shard
            if count != first.about.shard[1]:
                raise UsageError(
                    f"{part.path} is one of {count} parts, {first.path} one of {first.about.shard[1]}"
                )
            if number in seen:
                raise UsageError(f"{part.path} and {seen[number]} are both part {number}/{count}")
            if (part.about.versions, part.about.submissions) != (
                first.about.versions,
                first.about.submissions,
            ):
                raise UsageError(
                    f"{part.path} and {first.path} are not of one run: {_difference(part.about, first.about)}"
                )
            seen[number] = part.path
            yield from _ungraded(part)
        count = first.about.shard[1]
        yield from (f"part {n}/{count} ({line(device)})" for n in range(1, count + 1) if n not in seen)


def _ungraded(part: Bundle) -> Iterator[str]:
    there = {(s.result.submission, s.result.exercise) for s in part.results}
    yield from (
        line(f"{name} {exercise}") for name, exercise in part.about.jobs if (name, exercise) not in there
    )


def _difference(one: About, other: About) -> str:
    for (name, version), (_, another) in zip(one.versions, other.versions, strict=False):
        if version != another:
            return f"{line(name)} {line(version)} and {line(another)}"
    return "they list different submissions"


def graded(course: Course) -> frozenset[tuple[str, str]]:
    """Return (submission, commit) that have been graded on every exercise, as the course is now."""
    judges = {e.name: judge_digest(e) for e in course.exercises()}
    done: dict[tuple[str, str], set[str]] = {}
    with Store(course.store_path) as store:
        for stored in store.latest():
            result = stored.result
            if result.judged_by == judges.get(result.exercise) and result.state is not State.UNGRADED:
                done.setdefault((result.submission, stored.commit), set()).add(result.exercise)
    return frozenset(pair for pair, exercises in done.items() if exercises == judges.keys() and pair[1])
