"""Make the same mistake in another program: put a public name of one solution into another one.

A mistake is a definition that differs from the reference. Where that definition is private, a solution
written differently has no place for it; what both have are the public names. So the public names that
contain the mistake move over, with the private helpers they need, and everything else stays the other's.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Mapping

from grader.graft import Assignment, Function, Import, first_line_of_code

PREFIX = "brought_"


def holders(program: str, changed: Iterable[str], public: Collection[str]) -> frozenset[str]:
    """Return the public names that hold one of the `changed` definitions, as such or in a private helper."""
    uses = _uses(program)
    found: set[str] = set()
    waiting, seen = list(changed), set(changed)
    while waiting:
        name = waiting.pop()
        if name in public:
            found.add(name)
            continue
        users = {user for user, used in uses.items() if name in used} - seen
        seen |= users
        waiting += users
    return frozenset(found)


def dependents(program: str, names: Iterable[str], public: Collection[str]) -> frozenset[str]:
    """Return the public names that use one of `names`, directly or not, and these names themselves."""
    uses = _uses(program)
    found = set(names)
    while more := {user for user, used in uses.items() if used & found} - found:
        found |= more
    return frozenset(found & set(public))


def definitions(program: str) -> tuple[str, ...]:
    """Return the names that a program defines at its top level, imports left out."""
    return tuple(_definitions(ast.parse(program)))


def transplant(base: str, donor: str, names: Collection[str], public: Collection[str]) -> str:
    """Return `base` with the public `names` of `donor`, and the private helpers and imports they need.

    Public names that are not in `names` stay those of `base`, for the code brought, too. A helper whose
    name `base` uses for something of its own gets a prefix.
    """
    tree = ast.parse(base)
    theirs = _definitions(ast.parse(donor))
    needed = _closure(_uses(donor), names, public)
    taken = {name for name in _definitions(tree) if name not in public}
    new_names = {name: PREFIX + name for name in needed if name in taken}
    brought = {name: [_renamed(s, new_names) for s in theirs[name]] for name in theirs if name in needed}
    helpers = [s for name in brought if name not in names for s in brought[name]]
    places = {name: _place(tree.body, name) for name in names}
    last = max(names, key=lambda name: places[name])
    for name in sorted(names, key=lambda name: -places[name]):  # from the end: places before it stay valid
        added = [*(helpers if name == last else []), *brought[name]]
        tree.body[places[name] : places[name] + 1] = added
    start = first_line_of_code(tree)
    tree.body[start:start] = _imports(ast.parse(donor), needed, _uses(donor))
    if not any(isinstance(s, ast.ImportFrom) and s.module == "__future__" for s in tree.body):
        future = ast.ImportFrom("__future__", [ast.alias("annotations")], 0)
        tree.body.insert(first_line_of_code(tree), future)
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _definitions(tree: ast.Module) -> dict[str, list[ast.stmt]]:
    """Return the statements that bind each top-level name, imports left out."""
    found: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        for name in _bound(statement):
            found.setdefault(name, []).append(statement)
    return found


def _bound(statement: ast.stmt) -> list[str]:
    if isinstance(statement, Function | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, Assignment):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return [node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)]
    return []


def _uses(program: str) -> Mapping[str, frozenset[str]]:
    """Return, for each top-level name, every name that its definition reads."""
    return {
        name: frozenset(node.id for s in statements for node in ast.walk(s) if isinstance(node, ast.Name))
        - {name}
        for name, statements in _definitions(ast.parse(program)).items()
    }


def _closure(
    uses: Mapping[str, frozenset[str]], names: Collection[str], public: Collection[str]
) -> frozenset[str]:
    """Return the names with all private definitions that they use, directly or not."""
    found = set(names)
    while (
        more := {used for name in found for used in uses[name] if used in uses and used not in public} - found
    ):
        found |= more
    return frozenset(found)


def _renamed(statement: ast.stmt, new_names: Mapping[str, str]) -> ast.stmt:
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            node.id = new_names.get(node.id, node.id)
        elif isinstance(node, Function | ast.ClassDef) and node is statement:
            node.name = new_names.get(node.name, node.name)
    return statement


def _place(body: list[ast.stmt], name: str) -> int:
    """Return where a name is defined last, or the end."""
    places = [i for i, statement in enumerate(body) if name in _bound(statement)]
    return places[-1] if places else len(body)


def _imports(
    donor: ast.Module, needed: Collection[str], uses: Mapping[str, frozenset[str]]
) -> list[ast.stmt]:
    read = {used for name in needed for used in uses[name]}
    found: list[ast.stmt] = []
    for statement in donor.body:
        if isinstance(statement, Import) and getattr(statement, "module", "") != "__future__":
            kept = [a for a in statement.names if (a.asname or a.name).partition(".")[0] in read]
            if kept:
                statement.names = kept
                found.append(statement)
    return found
