"""Which names stand for what: scopes, bindings and aliases of imported things in hostile source.

Python's scoping rules, without its order of execution: a name may mean whatever is bound to it
anywhere in its scope. Imported modules are therefore kept second-class by `policy`: they may be
imported, given one other name, and have attributes read. Nothing else, so nothing is lost from sight.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from grader.inside.reading import children

Kind = Literal["module", "class", "function", "comprehension"]
Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef
Routine = Function | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp

_DEPTH = 16  # aliases of aliases
_MEANINGS = 32  # of one name
_LENGTH = 1000  # characters of a dotted path


class TooIndirectError(ValueError):
    """A name goes through more aliases than anyone would write in good faith."""


@dataclass(frozen=True, slots=True)
class Imported:
    """A name that an import statement bound to a dotted path."""

    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Alias:
    """A name bound to an expression such as `F = torch.nn.functional`, evaluated in `scope`."""

    value: ast.expr
    scope: Scope

    @property
    def line(self) -> int:
        """Line of the assignment."""
        return self.value.lineno


@dataclass(frozen=True, slots=True)
class Opaque:
    """A name bound to something that cannot be an imported thing, or to a definition."""

    definition: Definition | None = None


Origin = Imported | Alias | Opaque


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

    def is_local(self, name: str) -> bool:
        """Say whether `name` is certainly a local variable, never a builtin of that name."""
        return any(home.kind in ("function", "comprehension") for home in self.homes(name))


class Walker:
    """Walk a tree, each node in the scope where Python evaluates it. Subclasses say what to do."""

    scope: Scope

    def open(self, node: ast.AST, kind: Kind) -> Scope:
        """Return the scope that `node` opens."""
        raise NotImplementedError

    def look(self, node: ast.AST) -> None:
        """See a node before its children."""
        raise NotImplementedError

    def walk(self, node: ast.AST) -> None:
        """Visit a node and what is in it."""
        self.look(node)
        if isinstance(node, Routine):
            self._function(node)
        elif isinstance(node, ast.ClassDef):
            outer = (*node.decorator_list, *node.bases, *node.keywords, *getattr(node, "type_params", ()))
            self._walk_all(outer)
            with self._inside(node, "class"):
                self._walk_all(node.body)
        elif isinstance(node, Comprehension):
            self._comprehension(node)
        else:
            self._walk_all(children(node))

    def _walk_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.walk(node)

    @contextmanager
    def _inside(self, node: ast.AST, kind: Kind) -> Iterator[None]:
        outer, self.scope = self.scope, self.open(node, kind)
        yield
        self.scope = outer

    def _function(self, node: Routine) -> None:
        arguments = node.args
        defaults = (*arguments.defaults, *(d for d in arguments.kw_defaults if d is not None))
        parameters = _parameters(arguments)
        annotations = tuple(p.annotation for p in parameters if p.annotation is not None)
        outer: tuple[ast.AST, ...] = (*defaults, *annotations)
        if not isinstance(node, ast.Lambda):
            returns = (node.returns,) if node.returns else ()
            outer = (*node.decorator_list, *outer, *returns, *getattr(node, "type_params", ()))
        self._walk_all(outer)
        with self._inside(node, "function"):
            for parameter in parameters:
                self.look(parameter)
            self._walk_all((node.body,) if isinstance(node, ast.Lambda) else node.body)

    def _comprehension(self, node: Comprehension) -> None:
        first = node.generators[0]
        self.walk(first.iter)
        with self._inside(node, "comprehension"):
            for generator in node.generators:
                inner = () if generator is first else (generator.iter,)
                self._walk_all((generator.target, *inner, *generator.ifs))
            self._walk_all((node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,))


def _parameters(arguments: ast.arguments) -> list[ast.arg]:
    starred = [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *starred]


class _Binder(Walker):
    """Build the scopes of one file and what each name in them is bound to."""

    def __init__(self, module: str, package: str) -> None:
        self.package = package
        self.scope = Scope("module", module)
        self.opened: dict[ast.AST, Scope] = {}

    def open(self, node: ast.AST, kind: Kind) -> Scope:
        scope = Scope(kind, self.scope.module, self.scope)
        self.opened[node] = scope
        # `global x` counts for the whole function, wherever it stands in it.
        if isinstance(node, Function | ast.ClassDef):
            for statement in own_statements(node.body):
                if isinstance(statement, ast.Global | ast.Nonlocal):
                    scope.elsewhere.update(_homes(statement, scope))
        return scope

    def look(self, node: ast.AST) -> None:
        match node:
            case ast.Import():
                for alias in node.names:
                    whole = alias.name if alias.asname else alias.name.partition(".")[0]
                    self.scope.bind(alias.asname or whole, Imported(whole, node.lineno))
            case ast.ImportFrom():
                base = import_base(node, self.package)
                for alias in node.names:
                    self.scope.bind(alias.asname or alias.name, Imported(f"{base}.{alias.name}", node.lineno))
            case ast.Assign() | ast.AnnAssign() if node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    if isinstance(target, ast.Name) and not _is_none(node.value):
                        self.scope.bind(target.id, Alias(node.value, self.scope))
            case ast.NamedExpr():
                self._function_scope().bind(node.target.id, Alias(node.value, self.scope))
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                self.scope.bind(node.name, Opaque(node))
            case ast.arg():
                self.scope.bind(node.arg, Opaque())
            case ast.Name(ctx=ast.Store() | ast.Del()):
                if node.id not in self.scope.origins:
                    self.scope.bind(node.id, Opaque())
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                self.scope.bind(name, Opaque())
            case ast.MatchMapping(rest=str(name)):
                self.scope.bind(name, Opaque())

    def _function_scope(self) -> Scope:
        scope = self.scope
        while scope.kind == "comprehension" and scope.parent is not None:
            scope = scope.parent
        return scope


def _is_none(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and value.value is None


def own_statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a body and of the blocks in it, not those of definitions in it."""
    todo: list[ast.AST] = list(body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.stmt):
            yield node
        if not isinstance(node, Definition | ast.expr):
            todo.extend(children(node))


def _homes(statement: ast.Global | ast.Nonlocal, scope: Scope) -> dict[str, Scope]:
    home = scope.parent or scope
    if isinstance(statement, ast.Global):
        while home.parent is not None:
            home = home.parent
        return dict.fromkeys(statement.names, home)
    found = {}
    for name in statement.names:
        found[name] = next((h for h in home.homes(name) if h.kind == "function"), home)
    return found


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
        self.opened: dict[ast.AST, Scope] = {}
        self._known: dict[tuple[Scope, str], frozenset[str]] = {}

    def add(self, file: str, tree: ast.Module) -> None:
        """Take a file in. Raises RecursionError where it is nested too deeply."""
        module, package = module_name(file)
        binder = _Binder(module, package)
        top = binder.scope
        for statement in tree.body:
            binder.walk(statement)
        self.modules[module] = self.opened[tree] = top
        self.opened.update(binder.opened)

    def resolve(self, value: ast.expr, scope: Scope, depth: int = 0) -> frozenset[str]:
        """Return the dotted paths of imported things that an expression may stand for, often none."""
        if depth > _DEPTH * 8:
            raise TooIndirectError
        match value:
            case ast.Name():
                return self._resolve_name(value.id, scope, depth)
            case ast.NamedExpr():
                return self.resolve(value.value, scope, depth + 1)
            case ast.Attribute():
                base, attribute = value.value, value.attr
            case ast.Call():
                read = literal_getattr(value)
                if read is None:
                    return frozenset()
                base, attribute = read
            case _:
                return frozenset()
        found: set[str] = set()
        for path in self.resolve(base, scope, depth + 1):
            found |= self.follow(f"{path}.{attribute}")
        return frozenset(found)

    def definition(self, path: str, hops: int = _DEPTH) -> tuple[Definition, Scope] | None:
        """Return the function or class at a dotted path of the submission, with its scope."""
        module, _, name = path.rpartition(".")
        scope = self.modules.get(module)
        if scope is None or not hops:
            return None
        for origin in reversed(scope.origins.get(name, [])):
            if isinstance(origin, Opaque) and origin.definition is not None:
                return origin.definition, scope
            others = set(self.origin_paths(origin))
            if isinstance(origin, Alias) and isinstance(origin.value, ast.Name):
                others.add(f"{module}.{origin.value.id}")
            for other in sorted(others - {path}):
                found = self.definition(other, hops - 1)
                if found:
                    return found
        return None

    def origin_paths(self, origin: Origin, depth: int = 0) -> frozenset[str]:
        """Return the dotted paths that one binding of a name stands for."""
        if isinstance(origin, Imported):
            return self.follow(origin.path)
        if isinstance(origin, Alias):
            return self.resolve(origin.value, origin.scope, depth + 1)
        return frozenset()

    def _resolve_name(self, name: str, scope: Scope, depth: int) -> frozenset[str]:
        found: set[str] = set()
        for home in scope.homes(name):
            found |= self._bound(home, name, depth)
        return frozenset(found)

    def _bound(self, home: Scope, name: str, depth: int) -> frozenset[str]:
        key = (home, name)
        if key not in self._known:
            self._known[key] = frozenset()  # a cycle of aliases adds nothing of its own
            found: set[str] = set()
            for origin in home.origins[name]:
                found |= self.origin_paths(origin, depth + 1)
            if len(found) > _MEANINGS:
                raise TooIndirectError
            self._known[key] = frozenset(found)
        return self._known[key]

    def follow(self, path: str, hops: int = _DEPTH) -> frozenset[str]:
        """Follow a path such as `exercises.x.helper.torch.load` to `torch.load`."""
        if not hops or len(path) > _LENGTH:
            raise TooIndirectError
        parts = path.split(".")
        for cut in range(len(parts) - 1, 0, -1):
            scope = self.modules.get(".".join(parts[:cut]))
            if scope is None or parts[cut] not in scope.origins or ".".join(parts[: cut + 1]) in self.modules:
                continue
            bound = self._bound(scope, parts[cut], 0) - {path}
            rest = "".join(f".{p}" for p in parts[cut + 1 :])
            further = (self.follow(target + rest, hops - 1) for target in bound)
            return frozenset().union(*further) if bound else frozenset([path])
        return frozenset([path])


def literal_getattr(call: ast.Call) -> tuple[ast.expr, str] | None:
    """Return object and name of `getattr(object, "name"...)`, which reads like `object.name`."""
    match call:
        case ast.Call(
            func=ast.Name(id="getattr" | "hasattr" | "setattr" | "delattr"),
            args=[base, ast.Constant(value=str(name)), *_],
        ):
            return base, name
    return None
