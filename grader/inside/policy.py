"""Judge the source of a submission without running any of it: imports, doors, size, pseudocode, signatures.

This works inside a confined worker; the source may be made to break it. Static rules stop the careless
and the curious. They are evidence, not proof: the judge holds nothing of value on this side of the wall.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

from grader.inside import branches, pseudocode, signatures, size
from grader.inside.checker import MOST, Checker
from grader.inside.doors import Rules, is_odd
from grader.inside.reading import MOST_NODES, Finding, nodes, parse, too_much, twice
from grader.inside.scopes import Definition, Program, module_name

T = TypeVar("T")
# What makes attributes of the names that it is given.
_NAMING = {
    "dict",
    "SimpleNamespace",
    "ModuleDict",
    "ParameterDict",
    "namedtuple",
    "add_module",
    "register_module",
}


def inspect(sources: Mapping[str, bytes], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Inspect the files of one exercise, and of the exercises upstream by the rules of those.

    `spec`: `exercise` (name), `ancestors` (names), `public` (names of the interface), `bonus` (those of them
    that need no pseudocode), `methods` (of its classes), `imports`, `names`, `banned` (see `Rules`),
    `template` (bytes of the PSEUDOCODE.md handed out), `upstream` (a list of such specs, whose rules alone
    are used). All but the first optional.

    Returns `violations`, `suspicions` (which cost nothing), `errors` and `branches` (lists of findings),
    `size` (statements, tokens, longest line), `pseudocode` (fraction, headings, problems) and `signatures`.
    Plain data; never raises for what a student wrote.
    """
    own = _folder(spec)
    program, texts, trees, errors = _read(sources, own)
    defined = {file: _defined(tree) for file, tree in trees.items()}
    violations, suspicions = _check(program, texts, _within(trees, own), spec, defined)
    for part in spec.get("upstream") or ():
        found, _ = _check(program, texts, _within(trees, _folder(part)), part, defined)
        violations += [v for v in found if v["rule"] != "banned"]  # costs points there, and only there
    # What could not be read was not checked: it must not count as clean.
    violations += [error for error in errors if error["rule"] != "syntax"]
    violations.sort(key=lambda v: (not v["file"].startswith(own), v["file"], v["line"]))
    violations = [v if v["file"].startswith(own) else _upstream(v) for v in violations[:MOST]]
    public = tuple(spec.get("public") or ())
    required = [name for name in public if name not in (spec.get("bonus") or ())]
    module = f"exercises.{spec['exercise']}.solution"
    mine = _within(texts, own)
    known = frozenset[str]().union(*defined.values()) if spec.get("ancestors") else None
    return {
        "violations": violations,
        "suspicions": suspicions[:MOST],
        "errors": [error for error in errors if error["file"].startswith(own)][:MOST],
        "branches": [
            found for file, tree in _within(trees, own).items() for found in branches.find(file, tree)
        ][:MOST],
        "signatures": signatures.read(program, module, public),
        "pseudocode": pseudocode.judge(
            sources.get(f"{own}PSEUDOCODE.md"),
            spec.get("template") or b"",
            signatures.implemented(program, module, required, spec.get("methods") or {}),
            mine.values(),
            known,
        ),
        "size": size.measure(_within(trees, own), mine),  # last: it takes the trees apart
    }


def _folder(spec: Mapping[str, Any]) -> str:
    return f"exercises/{spec['exercise']}/"


def _upstream(finding: Finding) -> Finding:
    """Name the exercise before the file."""
    folder = finding["file"].split("/")[1]
    return {**finding, "en": f"{folder}/{finding['en']}", "zh": f"{folder}/{finding['zh']}"}


def _within(files: Mapping[str, T], folder: str) -> dict[str, T]:
    return {file: value for file, value in files.items() if file.startswith(folder)}


def _check(
    program: Program,
    texts: Mapping[str, str],
    trees: Mapping[str, ast.Module],
    spec: Mapping[str, Any],
    defined: Mapping[str, frozenset[str]],
) -> tuple[list[Finding], list[Finding]]:
    """Check one exercise's files by its own rules; return breaches and what is suspicious."""
    rules = Rules(
        spec.get("imports") or (), spec.get("names"), spec.get("banned") or (), spec.get("ancestors") or ()
    )
    own = frozenset[str]().union(*(defined[file] for file in trees))
    checkers = [Checker(file, texts[file], program, rules, own) for file in trees]
    for checker in checkers:
        checker.check()
    handed_around = frozenset[str]().union(*(checker.handed_around for checker in checkers))
    for checker in checkers:
        checker.finish(handed_around)
    return [f for c in checkers for f in c.breaches], [f for c in checkers for f in c.suspicions]


def _read(
    sources: Mapping[str, bytes], own: str
) -> tuple[Program, dict[str, str], dict[str, ast.Module], list[Finding]]:
    """Read all files, our exercise's first; return texts and trees, and what is wrong with them."""
    program, texts, trees, errors = Program(), {}, {}, []
    total = 0
    for file in sorted((f for f in sources if f.endswith(".py")), key=lambda f: (not f.startswith(own), f)):
        read = parse(file, sources[file]) if total <= MOST_NODES else too_much(file)
        if module_name(file)[0] in program.modules:  # `x/__init__.py` would be imported in place of `x.py`
            read = twice(file)
        if isinstance(read, tuple):
            total += len(nodes(read[1]))
            if total > MOST_NODES:
                read = too_much(file)
        if isinstance(read, tuple):
            texts[file], trees[file] = read
            program.add(file, read[1])
        else:
            errors.append(read)
    return program, texts, trees, errors


def _named_by(call: ast.Call) -> Iterator[str]:
    """Yield the attributes that a call gives to what it makes: `nn.ModuleDict(dict(rms_norm=...))`, say."""
    called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if called not in _NAMING:
        return
    yield from (keyword.arg for keyword in call.keywords if keyword.arg)
    for argument in call.args:
        words = argument.keys if isinstance(argument, ast.Dict) else getattr(argument, "elts", [argument])
        for word in words:
            if isinstance(word, ast.Constant) and isinstance(word.value, str):
                yield from word.value.replace(",", " ").split()


def _defined(tree: ast.Module) -> frozenset[str]:
    """Collect the names that the student's own code gives to functions, classes and attributes."""
    names: set[str] = set()
    for node in nodes(tree):
        if isinstance(node, Definition):
            names.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            names.add(node.attr)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, ast.Call):
            names.update(_named_by(node))
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and is_odd(node.id):
            names.add(node.id)
    return frozenset(names)
