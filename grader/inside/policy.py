"""Judge the source of a submission without running any of it: imports, doors, size, pseudocode, signatures.

This works inside a confined worker; the source may be made to break it. Static rules stop the careless
and the curious. They are evidence, not proof: the judge holds nothing of value on this side of the wall.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping
from typing import Any

from grader.inside import pseudocode, signatures, size
from grader.inside.checker import MOST, Checker
from grader.inside.doors import Rules
from grader.inside.reading import MOST_NODES, TOO_DEEP, Finding, parse, too_deep, too_much
from grader.inside.scopes import Definition, Program


def inspect(sources: Mapping[str, bytes], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Inspect the files of one exercise (and of its ancestors, which are only looked through).

    `spec`: `exercise` (name), `ancestors` (names), `public` (names of the interface), `imports`, `names`,
    `banned` (see `Rules`), `template` (bytes of the PSEUDOCODE.md handed out). All but the first optional.

    Returns `violations` and `errors` (lists of findings), `size` (statements, tokens, longest_line),
    `pseudocode` (fraction, headings, problems) and `signatures`. Plain data; never raises for what a
    student wrote.
    """
    own = f"exercises/{spec['exercise']}/"
    program, texts, mine, errors = _read(sources, own)
    rules = Rules(
        spec.get("imports") or (), spec.get("names"), spec.get("banned") or (), spec.get("ancestors") or ()
    )
    defined = _defined(mine.values())
    violations: list[Finding] = []  # what could not be read was not checked: it must not count as clean
    for file, tree in mine.items():
        checker = Checker(file, texts[file], program, rules, defined=defined)
        try:
            checker.check(tree)
        except TOO_DEEP:
            errors.append(too_deep(file))
        violations += checker.findings
    violations += [error for error in errors if error["rule"] != "syntax"]
    violations.sort(key=lambda v: (v["file"], v["line"]))
    public = tuple(spec.get("public") or ())
    module = f"exercises.{spec['exercise']}.solution"
    return {
        "violations": violations[:MOST],
        "errors": errors[:MOST],
        "signatures": signatures.read(program, module, public),
        "pseudocode": pseudocode.judge(
            sources.get(f"{own}PSEUDOCODE.md"),
            spec.get("template") or b"",
            signatures.implemented(program, module, public),
            texts.values(),
        ),
        "size": size.measure(mine, texts.values()),  # last: it takes the trees apart
    }


def _read(
    sources: Mapping[str, bytes], own: str
) -> tuple[Program, dict[str, str], dict[str, ast.Module], list[Finding]]:
    """Read all files, our exercise's first; return its texts and trees, and what is wrong with them."""
    program, texts, trees, errors = Program(), {}, {}, []
    nodes = 0
    for file in sorted((f for f in sources if f.endswith(".py")), key=lambda f: (not f.startswith(own), f)):
        read = parse(file, sources[file]) if nodes <= MOST_NODES else too_much(file)
        if isinstance(read, tuple):
            nodes += sum(1 for _ in ast.walk(read[1]))
            if nodes > MOST_NODES:
                read = too_much(file)
        if isinstance(read, tuple):
            try:
                program.add(file, read[1])
            except TOO_DEEP:
                read = too_deep(file)
        if file.startswith(own):
            if isinstance(read, tuple):
                texts[file], trees[file] = read
            else:
                errors.append(read)
    return program, texts, trees, errors


def _defined(trees: Iterable[ast.Module]) -> frozenset[str]:
    """Collect the names that the student's own code gives to functions, classes and attributes."""
    names: set[str] = set()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, Definition):
                names.add(node.name)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                names.add(node.attr)
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names.add(node.target.id)
    return frozenset(names)
