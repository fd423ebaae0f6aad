"""Show what `grader verify` found: the mutant x test table, margins, times, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from grader.exercise import SHARED_TESTS, TRIVIAL
from grader.job import Status, TestSpec
from grader.verify import (
    CAUGHT,
    CORRECT,
    MARGIN,
    TRIVIAL_BONUS,
    TRIVIAL_KINDS,
    Finding,
    Verification,
)

_TIGHTEST = 5  # how many of the smallest margins are shown


def verification_text(found: Sequence[Verification]) -> str:
    """Return the whole report as plain text."""
    return "\n".join(line for verification in found for line in _exercise(verification))


def _exercise(verification: Verification) -> Iterator[str]:
    exercise = verification.exercise
    yield f"{exercise.name}: {exercise.title.en}"
    yield from _correct(verification)
    yield ""
    yield from _matrix(verification)
    yield ""
    yield from _trivial(verification)
    yield from _margins(verification)
    problems = verification.problems
    yield f"  {len(problems)} problem(s)" if problems else "  everything is as it should be"
    yield from (f"  PROBLEM {problem}" for problem in problems)
    yield ""


def _correct(verification: Verification) -> Iterator[str]:
    for kind in (*CORRECT, "starter"):
        findings = verification.of_kind(kind)
        names = dict.fromkeys(f.specimen.label for f in findings)
        for name in names:
            mine = [f for f in findings if f.specimen.label == name]
            good = sum(not f.problems for f in mine)
            seconds = max(f.result.seconds for f in mine)
            due = "scores 0" if kind == "starter" else "100 %"
            if name == "starter/signatures":
                due = "same signatures as the reference"
            yield f"  {name:32} {due}: {good} of {len(mine)} seeds, {seconds:.1f} s"


def _matrix(verification: Verification) -> Iterator[str]:
    """One row per mistake, one column per test: X caught, . passed, blank not run."""
    specs = [s for s in verification.exercise.tests if s.name not in SHARED_TESTS]
    yield f"  {'':32} " + " ".join(f"{_short(s):>4}" for s in specs)
    for name, mine in _mistakes(verification).items():
        cells = " ".join(f"{_cell(mine, s):>4}" for s in specs)
        seeds = f"  x{len({f.seed for f in mine})}" if len(mine) > 1 else ""
        yield f"  {name:32} {cells}{seeds}"


def _mistakes(verification: Verification) -> dict[str, list[Finding]]:
    """Group the findings on wrong solutions: a mutant's named tests and its row of the matrix together."""
    groups: dict[str, list[Finding]] = {}
    for finding in verification.of_kind("mutant", "matrix", *TRIVIAL_KINDS):
        kind = finding.specimen.kind if finding.specimen.kind in TRIVIAL_KINDS else "mutant"
        groups.setdefault(f"{kind}/{finding.specimen.name}", []).append(finding)
    return groups


def _short(spec: TestSpec) -> str:
    """Return the id that a title begins with ("S4 · top-p ..."), or the beginning of the name."""
    head, found, _ = spec.title.en.partition(" · ")
    return head[:4] if found else spec.name.removeprefix("test_")[:4]


def _cell(findings: Sequence[Finding], spec: TestSpec) -> str:
    ended = [t.status for f in findings for t in f.result.tests if t.name == spec.name]
    if not ended or all(status in (Status.SKIPPED, Status.UNGRADABLE) for status in ended):
        return ""
    caught = sum(status in CAUGHT for status in ended)
    return "X" if caught == len(ended) else "." if not caught else str(caught)


def _trivial(verification: Verification) -> Iterator[str]:
    """Say what the best of the solutions earns that call what they must and answer trivially."""
    found = verification.trivial()
    if not found:
        return
    best = next(iter(found))
    points = f"{found[best].points:g} points" + f" and {found[best].bonus:g} of bonus" * bool(
        found[best].bonus
    )
    allowed = f"allowed: {TRIVIAL:g} and {TRIVIAL_BONUS:g}"
    yield f"  the best of {len(found)} trivial solutions: {best} with {points} ({allowed})"


def _margins(verification: Verification) -> Iterator[str]:
    worst = sorted(verification.margins().items(), key=lambda item: -item[1])[:_TIGHTEST]
    if not worst:
        return
    yield "  smallest margins (measured error of correct code / limit):"
    for name, ratio in worst:
        yield f"    {name:40} {ratio:6.1%}{'  over half of the limit' if ratio > MARGIN else ''}"
    yield f"  one correct submission takes at most {verification.seconds():.1f} s"
