"""What of a run is known already, what is decided without running anything, and what is left to do."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from grader.bundle import Mark, judge_digest
from grader.checkpoint import Checkpoint
from grader.errors import ContentError
from grader.exercise import Exercise, read_exercise
from grader.job import Job, JobResult, JobSummary, State, Status
from grader.refusal import without_running
from grader.spool import Spool
from grader.store import Store, job_key
from grader.submission import Snapshot, Submission, snapshots


@dataclass(frozen=True, slots=True)
class Conditions:
    """What decides results besides exercise and submission: the same for all jobs of a run.

    `seed` is one that was asked for; without it a run draws a secret one, which is no part of a key.
    """

    device: str
    wall: str
    checkpoint: Checkpoint | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The jobs of a run. Keys are the store's."""

    known: int
    put: tuple[tuple[str, JobResult], ...]  # to be stored: decided without running, or of another commit
    jobs: Mapping[str, Job]
    marks: Mapping[str, Mark]
    undertaken: tuple[tuple[str, str], ...]  # (submission, exercise), known ones included


@dataclass(frozen=True, slots=True)
class Planner:
    """Makes plans, and the keys of jobs. Each exercise is digested once, when this is made."""

    exercises: Sequence[Exercise]
    conditions: Conditions
    judges: dict[str, str] = field(init=False)
    _digests: Mapping[str, tuple[str, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "judges", {e.name: judge_digest(e) for e in self.exercises})
        object.__setattr__(self, "_digests", {e.name: _digests(e) for e in self.exercises})

    def plan(
        self,
        submissions: Iterable[Submission],
        commits: Mapping[str, str],
        store: Store,
        spool: Spool,
        *,
        fresh: bool = False,
        fill: bool = False,
    ) -> Plan:
        """Read the submissions, look up what is known, and say what is left, with the files in `spool`.

        Nothing is known if `fresh`; with `fill`, only what other devices left open is undertaken.
        """
        newest, gaps = self._newest(store), self._gaps(store) if fill else frozenset()
        seed = secrets.randbelow(2**62) if self.conditions.seed is None else self.conditions.seed
        known, put, jobs, marks, undertaken = 0, [], {}, {}, []
        for submission in submissions:
            name, at = submission.name, commits[submission.name]
            taken = dict(self._take(submission))
            if fill:
                taken = {key: job for key, job in taken.items() if self._gap(name, *job) in gaps}
            shown = {key for key in taken if newest.get((name, key)) == at}
            found = {} if fresh else store.known(name, (key for key in taken if key not in shown))
            for key, (exercise, files) in taken.items():
                marks[key] = Mark.of(self.judges[exercise.name], files)
                undertaken.append((name, exercise.name))
                if key in shown and not fresh:
                    known += 1
                elif key in found and self.is_final(exercise, found[key]):
                    known += 1
                    put.append((key, found[key]))  # what was graded before, in another commit
                elif decided := without_running(
                    name, exercise, files.files, files.hazards, self.conditions.device
                ):
                    put += [] if key in shown else [(key, decided)]
                else:
                    waiting = spool.keep(files.files)
                    jobs[key] = Job(exercise.name, name, self.conditions.device, waiting, seed)
        return Plan(known, tuple(put), jobs, marks, tuple(undertaken))

    def require_unchanged(self, exercise: str) -> None:
        """Raise ContentError where an exercise is no longer what it was when this was made.

        What was graded then would be stored as a result of what the exercise had been.
        """
        path = next(e.path for e in self.exercises if e.name == exercise)
        if _digests(read_exercise(path)) != self._digests[exercise]:
            raise ContentError(
                path, "was changed while it was being graded; what was graded before is kept: run again"
            )

    def _newest(self, store: Store) -> dict[tuple[str, str], str]:
        """Return, by submission and key, the commit of results that reports show now and that can stay."""
        mine = {exercise.name: exercise for exercise in self.exercises}
        return {
            (stored.result.submission, stored.key): stored.commit
            for stored in store.summaries()
            if (exercise := mine.get(stored.result.exercise)) is not None
            and stored.result.state is not State.UNGRADED
            and self.is_final(exercise, stored.result)
        }

    def _gaps(self, store: Store) -> frozenset[tuple[str, str, str, str]]:
        """Return the jobs, with what they were made of, that other devices left points open in."""
        return frozenset(
            (s.result.submission, s.result.exercise, s.result.judged_by, s.result.snapshot)
            for s in store.summaries()
            if s.result.device != self.conditions.device
            and any(t.status is Status.UNGRADABLE for t in s.result.tests)
        )

    def _gap(self, submission: str, exercise: Exercise, taken: Snapshot) -> tuple[str, str, str, str]:
        return submission, exercise.name, self.judges[exercise.name], taken.digest

    def _take(self, submission: Submission) -> Iterator[tuple[str, tuple[Exercise, Snapshot]]]:
        groups = [[*(a.name for a in e.ancestors), e.name] for e in self.exercises]
        for exercise, taken in zip(self.exercises, snapshots(submission.path, groups), strict=True):
            yield self._key(submission, exercise, taken), (exercise, taken)

    def _key(self, submission: Submission, exercise: Exercise, taken: Snapshot) -> str:
        conditions, (own, *ancestors) = self.conditions, self._digests[exercise.name]
        options = {} if conditions.seed is None else {"seed": str(conditions.seed)}
        if conditions.checkpoint and exercise.uses("model"):
            options["model"] = conditions.checkpoint.digest
        return job_key(
            exercise=own,
            ancestors=ancestors,
            snapshot=f"{submission.name}/{taken.digest}",
            device=conditions.device,
            wall=conditions.wall,
            options=options,
        )

    def is_final(self, exercise: Exercise, result: JobSummary) -> bool:
        """Say whether grading again could not do more: a compiler may be here by now, a machine quieter."""
        conditions = self.conditions

        def never_here(name: str) -> bool:
            spec = exercise.test(name)
            absent = (spec.devices and conditions.device not in spec.devices) or (
                conditions.checkpoint is None and "model" in spec.needs
            )
            return bool(absent) or any(map(never_here, spec.requires))

        return all(never_here(t.name) for t in result.tests if t.status is Status.UNGRADABLE)


def _digests(exercise: Exercise) -> tuple[str, ...]:
    """Return the digest of an exercise and of what it stands on."""
    return (exercise.digest(), *(ancestor.foundation() for ancestor in exercise.ancestors))
