"""Put the results of several runs together: all parts of a class, and what another machine could grade.

A file comes from a machine that ran students' code, so it is believed in nothing that concerns others: what
it is (a run or what the course had, which part, of which device) is said by whoever merges, who is in a part
follows from the course, and a result must be one that this course's tests can have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

from grader.bundle import FORMAT, About, Bundle, Shard, bundle_bytes, judge_digest, read_bundle
from grader.course import Course
from grader.errors import UsageError
from grader.exercise import Exercise
from grader.git import enrolled
from grader.job import JobResult, State, Status
from grader.reports.write import write_file
from grader.sanitise import line
from grader.store import Store, Stored

_EARNS = (Status.PASSED, Status.FAILED)  # of a failed test a share may be granted


@dataclass(frozen=True, slots=True)
class Part:
    """A file that is known to come from the machine which was given this part, on this device."""

    shard: Shard
    device: str
    path: Path


@dataclass(frozen=True, slots=True)
class Merged:
    """How many results were new, and what is missing, one line for each."""

    added: int
    missing: tuple[str, ...]


def merge(
    course: Course,
    paths: Sequence[Path],
    out: Path | None = None,
    *,
    kept: Sequence[Path] = (),
    parts: Sequence[Part] = (),
) -> Merged:
    """Add the results in these files to the course's store; with `out`, write all that it then has there.

    `paths` and `parts` are of runs; `kept` are what an earlier `out` was, which only the course's own side
    can say. Nothing is added if any file does not fit: another course or grader, results of nobody here,
    outside their part, or that cannot be. Raises UsageError. What a part has not graded is no reason to leave
    out the rest.
    """
    judged = {e.name: (judge_digest(e), e) for e in course.exercises()}
    names = frozenset(enrolled(course))
    runs = [_run(path, names, judged) for path in paths]
    runs += [_run(part.path, names, judged, part) for part in parts]
    bundles = [*(_kept(path, names, judged) for path in kept), *runs]
    missing = tuple(_missing(runs))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    with Store(course.store_path) as store:
        known = {_job(s): s for s in store.latest()}
        given = [s for bundle in bundles for s in bundle.results if s.result.submission in names]
        new = {_job(s): s for s in sorted(given, key=lambda s: s.stored) if s.result.exercise in judged}
        new = {job: s for job, s in new.items() if job not in known or _newer(s, known[job])}
        for stored in new.values():
            store.put(stored.key, stored.result, stored.commit, min(stored.stored, now))
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


_Judges = Mapping[str, tuple[str, Exercise]]


def _kept(path: Path, names: frozenset[str], judged: _Judges) -> Bundle:
    """Read what the course had. Of exercises and students that are gone by now nothing is taken."""
    bundle = read_bundle(path)
    if not bundle.about.kept:
        raise UsageError(f"{path}: is what a run has graded, not what --out of this command wrote")
    _check_results(bundle, names, judged)
    return bundle


def _run(path: Path, names: frozenset[str], judged: _Judges, part: Part | None = None) -> Bundle:
    """Read what one machine graded, and see that it is of this course, as it is now, and of its part."""
    bundle = read_bundle(path)
    about = bundle.about
    if about.kept:
        raise UsageError(f"{path}: says that it is all that a course has; if it is yours, give it as --kept")
    for exercise, digest in about.judged_by.items():
        if exercise not in judged:
            raise UsageError(f"{path}: of another course: there is no exercise {line(repr(exercise))} here")
        if digest != judged[exercise][0]:
            raise UsageError(
                f"{path}: {exercise} was graded with other tests, or by another grader; grade it anew"
            )
    strangers = sorted({*about.submissions} - names)
    if strangers:
        raise UsageError(f"{path}: of another course: {line(repr(strangers[0]))} is no student here")
    number, count = about.shard
    if not 1 <= number <= count:
        raise UsageError(f"{path}: says that it is part {number}/{count}; there is no such part")
    if part is not None and (part.shard, part.device) != (Shard(number, count), about.device):
        raise UsageError(
            f"{path}: says that it is part {number}/{count} ({line(about.device)}), but is part "
            f"{part.shard.number}/{part.shard.count} ({part.device}); nothing was merged"
        )
    members = Shard(number, count).members(names)
    jobs = Counter((name, exercise) for name, exercise in about.jobs if name in members)
    if jobs.total() != len(about.jobs) or any(n > 1 or job[1] not in judged for job, n in jobs.items()):
        raise UsageError(f"{path}: undertook what is not in its part {number}/{count}; nothing was merged")
    for at, stored in enumerate(bundle.results, start=2):
        result = stored.result
        if result.device != about.device or not jobs[result.submission, result.exercise]:
            shown = line(f"{result.submission} {result.exercise} ({result.device})")
            raise UsageError(
                f"{path}, line {at}: holds {shown}, which is not in its part {number}/{count}; "
                "nothing was merged"
            )
        jobs[result.submission, result.exercise] -= 1
        if result.judged_by != judged[result.exercise][0]:
            raise UsageError(
                f"{path}, line {at}: {line(result.exercise)} was graded with other tests; grade it anew"
            )
    _check_results(bundle, names, judged)
    return bundle


def _check_results(bundle: Bundle, names: frozenset[str], judged: _Judges) -> None:
    """Raise UsageError for a result that no grading of these exercises can end in."""
    for at, stored in enumerate(bundle.results, start=2):
        result = stored.result
        digest, exercise = judged.get(result.exercise, ("", None))
        if result.submission not in names or exercise is None:
            continue
        if why := _impossible(result, exercise if result.judged_by == digest else None):
            shown = line(f"{result.submission} {result.exercise}")
            raise UsageError(
                f"{bundle.path}, line {at}: {shown} was not graded by a grader: {why}; nothing was merged"
            )


def _impossible(result: JobResult, exercise: Exercise | None) -> str:
    """Say why a result can be none of the grader's; `exercise` is what judged it, if that is still here."""
    tests = [test.name for test in result.tests]
    if (result.state is State.GRADED) != bool(tests):
        return f"it is {result.state} with {len(tests)} tests"
    if result.fault and result.state is not State.UNGRADED:
        return f"it is {result.state} and has a fault"
    if len(set(tests)) != len(tests):
        return "a test ended twice"
    for test in result.tests:
        shown = line(test.name)
        if (test.status is Status.KILLED) != (test.reason is not None):
            return f"{shown} is {test.status}, and the reason of a kill is {test.reason}"
        if test.fraction and test.status not in _EARNS:
            return f"{shown} is {test.status} and has earned points"
        if test.kit is not None and (test.fraction == 1 or (exercise and not exercise.ancestors)):
            return f"{shown} was not to be graded on a kit"
    if exercise is None or result.state is not State.GRADED:
        return ""
    if tests != [spec.name for spec in exercise.tests]:
        odd = next(iter({*tests} ^ {spec.name for spec in exercise.tests}), "the order")
        return f"its tests are not those of the exercise ({line(odd)})"
    hidden = (t for t in result.tests if t.output and not exercise.test(t.name).public)
    return next((f"{t.name} tells what was printed in a hidden test" for t in hidden), "")


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
