"""Which names stand for what: scopes, bindings and aliases of imported things in hostile source.

Python's scoping rules, without its order of execution: a name may mean whatever is bound to it anywhere in
its scope.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from grader.inside.doors import has
from grader.inside.reading import children

Kind = Literal["module", "class", "function", "comprehension"]
Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
# What a name is bound to: the dotted path of something imported, an expression in its scope, a definition, or
# None for what cannot be an imported thing.
Origin = str | tuple[ast.expr, "Scope"] | Definition | None

_DEPTH = 64  # aliases of aliases
_MEANINGS = 32  # of one name
_ROUNDS = 8
_HOPS = 16  # from module to module
_STEPS = 500_000
_LENGTH = 1000  # characters of a dotted path


class TooIndirectError(ValueError):
    """A name goes through more aliases than anyone would write in good faith."""


@dataclass(eq=False, slots=True)
class Scope:
    """One scope of one file. `module` is the file's dotted name."""

    kind: Kind
    module: str
    parent: Scope | None = None
    origins: dict[str, list[Origin]] = field(default_factory=dict)
    elsewhere: dict[str, Scope] = field(default_factory=dict)  # `global` and `nonlocal`

    def bind(self, name: str, origin: Origin) -> None:
        """Record that `name` may mean `origin` in this scope."""
        self.elsewhere.get(name, self).origins.setdefault(name, []).append(origin)

    def homes(self, name: str) -> Iterator[Scope]:
        """Yield the scopes where `name` may be found from here: a class body's own may fall through."""
        scope: Scope | None = self
        while scope is not None:
            home = scope.elsewhere.get(name, scope)
            if name in home.origins and (scope is self or home.kind != "class"):
                yield home
                if home.kind in ("function", "comprehension"):
                    return
            scope = scope.parent

    def defines(self, name: str) -> bool:
        """Say whether `name` is imported or defined here, not only assigned."""
        return any(isinstance(origin, str | Definition) for origin in self.origins.get(name, ()))

    def around(self, *kinds: Kind) -> Scope:
        """Return the nearest scope from here outwards that is of none of these kinds."""
        scope = self
        while scope.kind in kinds and scope.parent is not None:
            scope = scope.parent
        return scope


Places = list[tuple[ast.AST, Scope]]


def _places(tree: ast.Module, top: Scope, opened: dict[ast.AST, Scope]) -> Places:
    """Return all nodes, each after what holds it and with the scope in which Python evaluates it.

    `opened` is filled with the scopes that nodes open.
    """
    found: Places = []
    todo: Places = [(node, top) for node in reversed(tree.body)]
    while todo:
        node, scope = todo.pop()
        found.append((node, scope))
        kind, inside = _opens(node)
        inner = Scope(kind, scope.module, scope) if kind else scope
        opened[node] = inner
        own = {id(part) for part in inside}
        for child in reversed(children(node)):
            if isinstance(child, ast.arguments):
                names = [n for n in (*child.posonlyargs, *child.args, *child.kwonlyargs) if n]
                names += [n for n in (child.vararg, child.kwarg) if n]
                for parameter in names:
                    inner.bind(parameter.arg, None)
                    found.append((parameter, inner))
                annotations = [n.annotation for n in names if n.annotation]
                todo += [(n, scope) for n in (*child.defaults, *child.kw_defaults, *annotations) if n]
            elif isinstance(child, ast.comprehension):
                iterated = scope if child is node.generators[0] else inner  # type: ignore[attr-defined]
                todo += [(child.iter, iterated), *((n, inner) for n in (child.target, *child.ifs))]
            else:
                todo.append((child, inner if id(child) in own else scope))
    return found


def _opens(node: ast.AST) -> tuple[Kind | None, list[ast.AST]]:
    """Return the kind of scope that a node opens, and which of its children are in it."""
    match node:
        case ast.FunctionDef(body=body) | ast.AsyncFunctionDef(body=body):
            return "function", [*body]
        case ast.Lambda(body=value):
            return "function", [value]
        case ast.ClassDef(body=body):
            return "class", [*body]
        case ast.DictComp(key=key, value=value):
            return "comprehension", [key, value]
        case ast.ListComp(elt=value) | ast.SetComp(elt=value) | ast.GeneratorExp(elt=value):
            return "comprehension", [value]
    return None, []


def _bind(node: ast.AST, scope: Scope, package: str) -> None:
    match node:
        case ast.Import():
            for alias in node.names:
                whole = alias.name if alias.asname else alias.name.partition(".")[0]
                scope.bind(alias.asname or whole, whole)
        case ast.ImportFrom():
            base = import_base(node, package)
            for alias in node.names:
                scope.bind(alias.asname or alias.name, f"{base}.{alias.name}")
        case ast.Assign(value=value) | ast.AnnAssign(value=ast.expr() as value):
            for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                if isinstance(target, ast.Name):
                    scope.bind(target.id, (value, scope))
        case ast.NamedExpr():
            scope.around("comprehension").bind(node.target.id, (node.value, scope))
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            scope.bind(node.name, node)
        case ast.Name(ctx=ast.Store() | ast.Del()):
            if node.id not in scope.origins:
                scope.bind(node.id, None)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            scope.bind(name, None)
        case ast.MatchMapping(rest=str(name)):
            scope.bind(name, None)


def own_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a body and of the blocks in it, not those of definitions in it."""
    todo: list[ast.AST] = list(body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.stmt):
            yield node
        if not isinstance(node, Definition | ast.expr):
            todo.extend(children(node))


def import_base(node: ast.ImportFrom, package: str) -> str:
    """Return the absolute dotted module of `from ... import`; empty where it leaves the repository."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    if node.level > len(parts):
        return ""
    kept = parts[: len(parts) - node.level + 1]
    return ".".join([*kept, *([node.module] if node.module else [])])


def module_name(file: str) -> tuple[str, str]:
    """Return the dotted name of a file's module, and of the package it is in."""
    parts = file.removesuffix(".py").split("/")
    package = ".".join(parts[:-1])
    return (package if parts[-1] == "__init__" else ".".join(parts)), package


class Program:
    """All files of a submission that parse, and what the names in them stand for."""

    def __init__(self) -> None:
        self.modules: dict[str, Scope] = {}
        self.places: dict[str, Places] = {}
        self.opened: dict[ast.AST, Scope] = {}
        self._stars: dict[str, set[str]] = {}  # module -> modules of which it imports all names
        self._known: dict[tuple[Scope, str], frozenset[str]] = {}
        self._open: set[tuple[Scope, str]] = set()  # being looked up
        self._circular: set[tuple[Scope, str]] = set()  # of these, what was met again
        self._steps = 0

    def add(self, file: str, tree: ast.Module) -> None:
        """Take a file in."""
        module, package = module_name(file)
        top = self.modules[module] = Scope("module", module)
        places = self.places[module] = _places(tree, top, self.opened)
        for node, scope in places:  # before any binding: `global x` counts for the whole function
            if isinstance(node, ast.Global | ast.Nonlocal):
                homes = {
                    name: next((h for h in (scope.parent or top).homes(name) if h.kind == "function"), top)
                    if isinstance(node, ast.Nonlocal)
                    else top
                    for name in node.names
                }
                scope.elsewhere.update(homes)
        for node, scope in places:
            _bind(node, scope, package)
            if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
                self._stars.setdefault(module, set()).add(import_base(node, package))

    def resolve(self, value: ast.expr, scope: Scope, depth: int = 0) -> frozenset[str]:
        """Return the dotted paths of imported things that an expression may stand for, often none."""
        if depth > _DEPTH:
            raise TooIndirectError
        base, names = chain(value)
        if isinstance(base, ast.NamedExpr):
            found = self.resolve(base.value, scope, depth + 1)
        elif isinstance(base, ast.Name):
            homes = list(scope.homes(base.id))
            found = frozenset[str]().union(*(self.bound(home, base.id, depth) for home in homes))
            if all(home.kind == "module" for home in homes):
                found |= self._starred(scope.module, base.id, _HOPS)
        else:
            return frozenset()
        rest = "".join(f".{name}" for name in names)
        return frozenset[str]().union(*(self.follow(path + rest) for path in found)) if rest else found

    def definition(self, path: str, hops: int = _HOPS) -> tuple[Definition, Scope] | None:
        """Return the function or class at a dotted path of the submission, with its scope."""
        module, _, name = path.rpartition(".")
        scope = self.modules.get(module)
        if scope is None or not hops:
            return None
        for origin in reversed(scope.origins.get(name, [])):
            if isinstance(origin, Definition):
                return origin, scope
            others = set(self._paths(origin, 0))
            if isinstance(origin, tuple) and isinstance(origin[0], ast.Name):
                others.add(f"{module}.{origin[0].id}")
            for other in sorted(others - {path}):
                if found := self.definition(other, hops - 1):
                    return found
        return None

    def imported(self, module: str) -> frozenset[str]:
        """Return what the names of one of the submission's modules stand for; nothing for anything else."""
        scope = self.modules.get(module)
        return (
            frozenset[str]().union(*(self.bound(scope, n, 0) for n in scope.origins))
            if scope
            else frozenset()
        )

    def _paths(self, origin: Origin, depth: int) -> frozenset[str]:
        """Return the dotted paths that one binding of a name stands for."""
        if isinstance(origin, str):
            return self.follow(origin)
        return self.resolve(*origin, depth + 1) if isinstance(origin, tuple) else frozenset()

    def bound(self, home: Scope, name: str, depth: int = 0) -> frozenset[str]:
        """Return the dotted paths that a name may stand for in the scope that is its home."""
        key = (home, name)
        if key in self._known:
            self._circular |= {key} & self._open
            return self._known[key]
        self._known[key] = frozenset()
        self._open.add(key)
        try:
            for _ in range(_ROUNDS):  # until an alias in a circle adds nothing more
                self._steps += len(home.origins[name])
                found = frozenset[str]().union(*(self._paths(o, depth + 1) for o in home.origins[name]))
                if len(found) > _MEANINGS or self._steps > _STEPS:
                    raise TooIndirectError
                if found == self._known[key] or key not in self._circular:
                    break
                self._known[key] = found
        finally:
            self._open.discard(key)
            self._circular.discard(key)
        if self._circular:
            del self._known[key]  # not all of it: another one is still open
        else:
            self._known[key] = found
        return found

    def _starred(self, module: str, name: str, hops: int) -> frozenset[str]:
        """Return what a name may stand for that `import *` has brought into a module."""
        found: set[str] = set()
        for base in self._stars.get(module, ()):
            if base in self.modules:
                found |= self.follow(f"{base}.{name}", hops - 1)
            elif has(base, name):
                found.add(f"{base}.{name}")
        return frozenset(found)

    def follow(self, path: str, hops: int = _HOPS) -> frozenset[str]:
        """Follow a path such as `exercises.x.helper.torch.load` to `torch.load`."""
        if not hops or len(path) > _LENGTH:
            raise TooIndirectError
        parts = path.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            scope = self.modules.get(".".join(parts[:cut]))
            if scope is None or ".".join(parts[: cut + 1]) in self.modules:
                continue
            bound = self.bound(scope, parts[cut]) if parts[cut] in scope.origins else frozenset()
            bound = (bound | self._starred(scope.module, parts[cut], hops)) - {path}
            rest = "".join(f".{p}" for p in parts[cut + 1 :])
            further = (self.follow(target + rest, hops - 1) for target in bound)
            return frozenset().union(*further) if bound else frozenset([path])
        return frozenset([path])


def chain(node: ast.AST) -> tuple[ast.AST, list[str]]:
    """Return what `x.a.b` begins with and the names it reads, also where they are read by a literal name."""
    names: list[str] = []
    while (read := link(node)) is not None:
        node, name = read
        names.append(name)
    return node, names[::-1]


def link(node: ast.AST) -> tuple[ast.expr, str] | None:
    """Return object and name of whatever reads one attribute: `x.a`, `getattr(x, "a")`, `vars(x)["a"]`."""
    match node:
        case ast.Subscript(value=table, slice=ast.Constant(value=str(name))):
            pass
        case ast.Call(
            func=ast.Attribute(value=table, attr="get" | "pop"), args=[ast.Constant(value=str(name)), *_]
        ):
            pass
        case ast.Attribute(value=base, attr=str(name)):
            return base, name
        case ast.Call(
            func=ast.Name(id="getattr" | "hasattr" | "setattr" | "delattr"),
            args=[base, ast.Constant(value=str(name)), *_],
        ):
            return base, name
        case _:
            return None
    owner = table_of(table)
    return None if owner is None else (owner, name)


def table_of(node: ast.AST) -> ast.expr | None:
    """Return the object whose table of attributes this is: `vars(x)`, `x.__dict__`."""
    match node:
        case ast.Call(func=ast.Name(id="vars"), args=[base]) | ast.Attribute(value=base, attr="__dict__"):
            return base
    return None
