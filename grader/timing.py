"""How much faster is it? A race against the reference, each side in a worker of its own, by CPU time.

Wall-clock ratios swing by a factor of ten on a busy machine, CPU-time ratios by a few per cent. So a side's
cost is the CPU time of everything in its job, read from outside: threads, children and children's orphans
included, whether a cgroup counts them or /proc does (exact for the living; a child that has ended counts in
steps of 10 ms there). Only the reference's windows can make a race "not measured", and only while
the student's job is idle: what that job does at any moment of the race, asked or not, is its cost.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from grader.candidate import Candidate, NotLoaded
from grader.checks import StudentRaised
from grader.remote import RemoteModule, Violation
from grader.wall.worker import Killed

ROUNDS = 15
WARM_UP = 2  # untimed calls of each side: compilation, caches
SPARE = 3  # rounds that may be thrown away
LEAST_WALL = 0.95  # seconds of wall clock per second of CPU time of one thread; with less, a clock is wrong
MOST_WALL = 10.0  # with more, the machine was too busy; with 4, the ratios of one pair still differ by 2 %
IDLE = 0.05  # of what a window of the reference costs: what the student's job may use meanwhile

Side = Callable[[Any, int], object]  # what a round calls: with what `setup` made of the module, and the index


class NotMeasured(Exception):  # noqa: N818  # a verdict, not a fault
    """The machine was too busy for a fair race: nobody gains or loses a point."""


@dataclass(frozen=True, slots=True)
class Window:
    """What a call of the reference took, in seconds; `other` is what the student's job used meanwhile."""

    cpu: float
    wall: float
    other: float

    @property
    def fair(self) -> bool:
        """Say whether it can be compared. It always can where the student's own job was in the way."""
        at_rest = self.other <= IDLE * self.cpu
        return not at_rest or LEAST_WALL * self.cpu <= self.wall <= MOST_WALL * self.cpu


@dataclass(frozen=True, slots=True)
class Race:
    """The fixture `race`: find how many times the student's CPU time the reference needs."""

    candidate: Candidate
    module: RemoteModule  # the candidate's
    open_reference: Callable[[], Candidate]

    def __call__(
        self,
        *,
        baseline: Side,
        student: Side,
        rounds: int = ROUNDS,
        check: Callable[[int, object], object] | None = None,
        setup: Callable[[RemoteModule], Any] = lambda module: module,
    ) -> float:
        """Return the CPU time of `baseline` on the reference over that of `student` on the submission.

        Each side is called as `baseline(m, i)` with the index of the round; inputs made of it are new in
        every round. `m` is the module, or what `setup(module)` made of it, once per side and untimed: models,
        say. The sides take turns in going first. `check(i, answer)` judges each answer of the student's,
        timed or not. A window should be some 20 ms or more, so that the wire does not count.

        Raises NotMeasured where the machine is too busy, and whatever the student's calls and `check` raise.
        """
        with self.open_reference() as reference:
            with _blaming_us():
                module = reference.module(fresh=False)
                ours = setup(module)
            theirs = setup(self.module)

            def call_ours(i: int) -> None:
                with _blaming_us():
                    baseline(ours, i)

            def call_theirs(i: int) -> None:
                answer = student(theirs, i)
                if check is not None:
                    check(i, answer)

            for i in range(WARM_UP):
                call_ours(i)
                call_theirs(i)
            return _ratio(_Track(reference, call_ours), _Track(self.candidate, call_theirs), rounds)


@dataclass(frozen=True, slots=True)
class _Track:
    """One side of a race."""

    candidate: Candidate
    call: Callable[[int], None]

    @property
    def cpu(self) -> float:
        """What its job has used so far."""
        return self.candidate.cpu_seconds


def _ratio(ours: _Track, theirs: _Track, rounds: int) -> float:
    """Sum up both sides' costs over the fair rounds."""
    our_cost = their_cost = 0.0
    fair = unfair = 0
    before = theirs.cpu
    for i in count(WARM_UP):
        if i % 2:
            theirs.call(i)
        window = _measure(ours, theirs, i)
        if not i % 2:
            theirs.call(i)
        now = theirs.cpu
        if window.fair:
            fair, our_cost, their_cost = fair + 1, our_cost + window.cpu, their_cost + now - before
        else:
            unfair += 1
        before = now
        if unfair > SPARE:
            raise NotMeasured
        if fair == rounds:
            break
    return our_cost / max(their_cost, 1e-9)


def _measure(ours: _Track, theirs: _Track, i: int) -> Window:
    """Call our side and say what that took."""
    cpu, other, wall = ours.cpu, theirs.cpu, time.monotonic()
    ours.call(i)
    wall = time.monotonic() - wall
    return Window(ours.cpu - cpu, wall, theirs.cpu - other)


@contextmanager
def _blaming_us() -> Iterator[None]:
    """Keep a failure of the reference from looking like the student's."""
    try:
        yield
    except (StudentRaised, Violation, Killed, NotLoaded) as error:
        raise RuntimeError(f"the reference failed in a race: {error}") from error
