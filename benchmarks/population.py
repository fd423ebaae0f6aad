"""A synthetic class: what students hand in, made of an exercise's own right and wrong solutions."""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from grader.errors import ContentError
from grader.exercise import Exercise
from grader.graft import graft

SHARES = {"mostly right": 0.60, "partly right": 0.25, "untouched": 0.10, "broken": 0.05}
RIGHT_WHEN_MOSTLY = 0.75  # of the exercises of somebody mostly right; the others have one known mistake
UNTOUCHED_WHEN_PARTLY = 0.3  # of the exercises of somebody partly right; the others have two known mistakes
BREAKAGES: Mapping[str, str] = {  # what a public function does instead; an exercise takes the next one
    "hangs": "while True:\n    pass",
    "does not parse": "",
    "exits": "raise SystemExit(3)",
    "recurses": "def again():\n    return again()\nreturn again()",
    "takes all memory": "import torch\nreturn torch.full((1 << 42,), 1.0)",
}


@dataclass(frozen=True, slots=True)
class Solution:
    """One exercise of one submission. `right` counts what it builds on, too."""

    source: str = field(repr=False)
    what: str  # right, one mistake, two mistakes, untouched, or a breakage
    right: bool


@dataclass(frozen=True, slots=True)
class Member:
    """One submission: a solution per exercise."""

    name: str
    kind: str
    solutions: Mapping[str, Solution]

    def write(self, folder: Path, exercises: Sequence[Exercise]) -> None:
        """Lay the submission out as a student's repository."""
        for exercise in exercises:
            solution = self.solutions[exercise.name]
            part = "starter" if solution.what == "untouched" else "reference"
            home = folder / "exercises" / exercise.name
            home.mkdir(parents=True)
            (home / "solution.py").write_text(solution.source, encoding="utf-8")
            (home / "PSEUDOCODE.md").write_bytes((exercise.path / part / "PSEUDOCODE.md").read_bytes())


def make_class(exercises: Sequence[Exercise], n: int, seed: int) -> list[Member]:
    """Make n submissions to these exercises, listed in teaching order."""
    chance = random.Random(seed)
    members = []
    for i, kind in enumerate(_kinds(n)):
        solutions: dict[str, Solution] = {}
        for j, exercise in enumerate(exercises):
            source, what = _solve(exercise, kind, i + j, chance)
            below = all(solutions[a.name].right for a in exercise.ancestors)
            solutions[exercise.name] = Solution(source, what, what == "right" and below)
        members.append(Member(f"student-{i:04}", kind, solutions))
    chance.shuffle(members)
    return members


def _kinds(n: int) -> Iterator[str]:
    """Yield n kinds in the shares above, however small n is."""
    for i in range(n):
        place, upper = (i + 0.5) / n, 0.0
        for kind, share in SHARES.items():
            upper += share
            if place < upper or kind == "broken":
                yield kind
                break


def _solve(exercise: Exercise, kind: str, turn: int, chance: random.Random) -> tuple[str, str]:
    """Return a source and what it is."""
    if kind == "broken":
        what = list(BREAKAGES)[turn % len(BREAKAGES)]
        return _break(exercise, what, chance), what
    if kind == "untouched" or (kind == "partly right" and chance.random() < UNTOUCHED_WHEN_PARTLY):
        return (exercise.path / "starter" / "solution.py").read_text(encoding="utf-8"), "untouched"
    if kind == "mostly right" and chance.random() < RIGHT_WHEN_MOSTLY:
        return chance.choice([exercise.reference_source(), *exercise.variant_sources().values()]), "right"
    count = 1 if kind == "mostly right" else 2
    return _mistaken(exercise, count, chance), f"{count} mistake{'s' if count > 1 else ''}"


def _mistaken(exercise: Exercise, count: int, chance: random.Random) -> str:
    """Put known mistakes into the reference."""
    source = exercise.reference_source()
    for mutant in chance.sample(exercise.mutants(), len(exercise.mutants())):
        try:
            source = graft(source, mutant.source)
        except ContentError:  # the one before has changed what this one changes
            continue
        count -= 1
        if not count:
            break
    return source


def _break(exercise: Exercise, what: str, chance: random.Random) -> str:
    """Break one public function of the reference."""
    source = exercise.reference_source()
    tree = ast.parse(source)
    functions = [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name in exercise.interface.required
    ]
    if what == "does not parse" or not functions:
        return source + "\ndef unfinished(:\n"
    chance.choice(functions).body = ast.parse(f"def f():\n{_indent(BREAKAGES[what])}").body[0].body
    return ast.unparse(tree) + "\n"


def _indent(code: str) -> str:
    return "".join(f"    {line}\n" for line in code.splitlines())
