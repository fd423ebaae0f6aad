"""The static findings on a solution, as a confined worker that ran none of it reported them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from grader.exercise import Exercise
from grader.job import Text


class Finding(msgspec.Struct, frozen=True):
    """One breach of the import policy, or what is suspicious and costs nothing."""

    rule: str
    file: str
    line: int
    en: str
    zh: str


class Size(msgspec.Struct, frozen=True):
    """How much code: AST statements and tokens of the solution and its helper modules."""

    statements: int = 0
    tokens: int = 0
    longest_line: int = 0
    longest_file: str = ""
    longest_number: int = 0


class Note(msgspec.Struct, frozen=True):
    """A sentence in both languages."""

    en: str
    zh: str


class Pseudocode(msgspec.Struct, frozen=True):
    """The share of public names with real pseudocode, and what is wrong with the others."""

    fraction: float = 0.0
    problems: tuple[Note, ...] = ()


class Report(msgspec.Struct, frozen=True):
    """The report of `inside.policy.inspect`, checked for form."""

    violations: tuple[Finding, ...] = ()
    suspicions: tuple[Finding, ...] = ()
    size: Size = Size()
    pseudocode: Pseudocode = Pseudocode()
    signatures: dict[str, str] = {}
    errors: tuple[Note, ...] = ()
    branches: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Inspection:
    """What is known of a solution without running it."""

    violations: tuple[Finding, ...]
    suspicions: tuple[Finding, ...]
    size: Size
    pseudocode: float
    pseudocode_problems: tuple[Text, ...]
    signatures: Mapping[str, str]
    errors: tuple[Text, ...]
    branches: tuple[Finding, ...]

    @property
    def breaches(self) -> tuple[Finding, ...]:
        """The violations that void the whole exercise: doors to code that is not the student's.

        A banned function (rule "banned") is judged where it is used, test by test, at run time.
        """
        return tuple(v for v in self.violations if v.rule != "banned")


def read_inspection(report: object) -> Inspection:
    """Check and convert a worker's report. Raises msgspec.ValidationError."""
    r = msgspec.convert(report, Report)
    return Inspection(
        violations=r.violations,
        suspicions=r.suspicions,
        size=r.size,
        pseudocode=r.pseudocode.fraction,
        pseudocode_problems=tuple(Text(p.en, p.zh) for p in r.pseudocode.problems),
        signatures=r.signatures,
        errors=tuple(Text(e.en, e.zh) for e in r.errors),
        branches=r.branches,
    )


def inspection_spec(exercise: Exercise) -> dict[str, object]:
    """Return what `inside.policy.inspect` has to know of an exercise."""
    return {
        **_rules(exercise),
        "public": list(exercise.interface.names),
        "bonus": sorted(exercise.interface.optional),
        "methods": {name: list(methods) for name, methods in exercise.interface.classes.items()},
        "template": exercise.starter_files()[exercise.pseudocode_path],
        "upstream": [_rules(ancestor) for ancestor in exercise.ancestors],
    }


def _rules(exercise: Exercise) -> dict[str, object]:
    """Return one exercise's import policy in the form that `inside.policy.inspect` reads."""
    policy = exercise.policy
    return {
        "exercise": exercise.name,
        "ancestors": [ancestor.name for ancestor in exercise.ancestors],
        "imports": list(policy.imports),
        "names": {module: list(names) for module, names in (policy.names or {}).items()},
        "banned": list(policy.banned),
    }
