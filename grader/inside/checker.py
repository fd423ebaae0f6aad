"""Check one file of a submission against the rules of its exercise.

A *breach* is certain: something closed is imported, named or called. What only looks odd, such as a name made
at run time, is *suspicious*: it is told and costs nothing, for whatever it leads to is refused when it runs.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Mapping

from grader.inside.doors import (
    BACKENDS,
    BINDINGS,
    BY_NAME,
    DENIED_BUILTINS,
    MODULES,
    MOST_ARGUMENTS,
    SETTINGS,
    Rules,
    has,
    is_door,
    is_internal,
    is_odd,
)
from grader.inside.reading import Finding, finding, split_lines
from grader.inside.scopes import (
    Program,
    Scope,
    TooIndirectError,
    chain,
    import_base,
    link,
    module_name,
    table_of,
)

MOST = 50  # findings of one file; a source made of violations must not become a report of them
_WORD, _FIELD = re.compile(r"\w+"), re.compile(r"\{[^{}]*\}")
_BREACHES: Mapping[str, tuple[str, str]] = {
    "indirect": (
        "goes through too many names to be checked; use the imported name directly",
        "经过的别名太多，无法检查；请直接使用导入的名字",
    ),
    "star": (
        "of this library single names are open: import those you need by their names",
        "该库只开放个别名字：请按名字导入所需的内容",
    ),
    "import": (
        "the module {} is not allowed in this exercise; README.md lists what is",
        "本练习不允许使用模块 {}；允许的模块见 README.zh.md",
    ),
    "beside": (
        "the module {} is not allowed in this exercise; write `from .{} import ...`",
        "本练习不允许使用模块 {}；请写成 `from .{} import ...`",
    ),
    "outside": ("leaves the repository", "相对导入超出了仓库范围"),
    "exercise": (
        "{} is not part of this exercise; of the earlier exercises, allowed: {}",
        "{} 不属于本练习；之前的练习中允许导入的有：{}",
    ),
    "attribute": ("{} is not allowed in this exercise", "本练习不允许使用 {}"),
    "choice": ("{} is not allowed in this exercise; allowed: {}", "本练习不允许使用 {}；允许的名字：{}"),
    "builtin": ("`{}` is not allowed in this exercise", "本练习不允许使用 `{}`"),
    "door": (
        "`{}` is not allowed: it reaches beyond the exercise",
        "不允许使用 `{}`：它会触及练习范围之外的东西",
    ),
    "assign": (
        "changes {}, which was imported; imported things are not to be changed",
        "修改了导入的 {}；不允许修改导入的对象",
    ),
    "backend": (
        "a back end is given by its name, one of {}, and options are plain values",
        "后端只能以名字给出（{} 之一），options 只能是普通的值",
    ),
    "banned": ("{} is what this exercise asks you to write yourself", "{} 正是本练习要求你自己实现的内容"),
}
_SUSPICIONS: Mapping[str, tuple[str, str]] = {
    "name": ("reads a name that is made at run time", "读取的名字在运行时才确定"),
    "class": ("makes a class at run time", "在运行时创建类"),
    "module": ("passes the module {} around as a value", "把模块 {} 当作值传递"),
    "odd": ("uses the unusual name {}", "使用了不寻常的名字 {}"),
    "compile": ("compiling does nothing in this exercise", "本练习中编译不起作用"),
}


class Checker:
    """Check one file against the rules; `breaches` and `suspicions` are whole after `check` and `finish`."""

    def __init__(self, file: str, text: str, program: Program, rules: Rules, own: frozenset[str]) -> None:
        self.file, self.program, self.rules = file, program, rules
        self.own = own  # names of the student's own functions and attributes
        self.lines = split_lines(text)
        self.module, self.package = module_name(file)
        self.breaches: list[Finding] = []
        self.suspicions: list[Finding] = []
        self.handed_around: set[str] = set()  # modules that are values somewhere
        self._seen: set[tuple[int, str]] = set()
        self._done: set[ast.AST] = set()  # judged with what holds them
        self._calls: dict[ast.AST, ast.Call] = {}  # by what is called
        self._unknown: list[tuple[ast.AST, str]] = []  # names read from what may be anything

    def check(self) -> None:
        """Judge all nodes of the file."""
        for node, scope in self.program.places[self.module]:
            try:
                self._judge(node, scope)
            except TooIndirectError:
                self._breach("indirect", node)

    def finish(self, handed_around: Iterable[str]) -> None:
        """Judge what is read from unknown objects, once it is known which modules may be among them."""
        for module in sorted(handed_around):
            for node, name in self._unknown:
                if has(module, name) and self.rules.refuses(module, name):
                    self._refuse(node, module, name)

    def _judge(self, node: ast.AST, scope: Scope) -> None:
        match node:
            case ast.Import():
                for alias in node.names:
                    self._import(node, alias.name)
            case ast.ImportFrom():
                self._import_from(node)
            case ast.Assign(value=value, targets=targets):
                self._assignment(targets, value, scope)
            case ast.AnnAssign(value=ast.expr() as value, target=target):
                self._assignment([target], value, scope)
            case ast.Expr(value=ast.Constant()):
                self._done.add(node.value)  # a docstring
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) if is_internal(name):
                self._breach("door", node, name)
            case ast.Compare():
                self._done.update(p for p in (node.left, *node.comparators) if isinstance(p, ast.Name))
            case ast.keyword(arg=str(name), value=value):
                if _is_bound_door(name) and not (isinstance(value, ast.Constant) and value.value is False):
                    self._breach("door", value, name)
            case ast.MatchClass():
                for name in node.kwd_attrs:
                    self._on_object(node, name)
            case ast.Constant(value=str(text)) if node not in self._done:
                for name in _WORD.findall("".join(_FIELD.findall(text))) if "{" in text else [text]:
                    if _is_bound_door(name):
                        self._breach("door", node, name)
            case ast.ClassDef():
                self._class(node, self.program.opened[node])
            case ast.Call():
                self._call(node, scope)
            case ast.Name(ctx=ast.Load()) | ast.Attribute() | ast.Subscript() if node not in self._done:
                self._read(node, scope)

    # Imports

    def _import_from(self, node: ast.ImportFrom) -> None:
        base = import_base(node, self.package)
        if not base:
            self._breach("outside", node)
        elif any(alias.name == "*" for alias in node.names) and self.rules.is_partly_open(base):
            self._breach("star", node)
        elif self._import(node, base):
            for alias in (alias for alias in node.names if alias.name != "*"):
                for path in sorted(self.program.follow(f"{base}.{alias.name}")):
                    self._path(node, path)

    def _import(self, node: ast.AST, name: str) -> bool:
        """Check the module of an import statement; say whether its names are worth a look."""
        root = name.partition(".")[0]
        if _is_own(name):
            self._path(node, name)
        elif not self.rules.is_module(name):
            beside = f"{self.package}.{root}" in self.program.modules
            self._breach("beside" if beside else "import", node, name, root)
            return False
        return True

    # Uses

    def _class(self, node: ast.ClassDef, body: Scope) -> None:
        for name in BINDINGS:
            for origin in body.origins.get(name, ()):
                value = origin[0] if isinstance(origin, tuple) else None
                words = value.elts if isinstance(value, ast.Tuple) and name == "__match_args__" else [None]
                if not all(isinstance(word, ast.Constant) for word in words):
                    self._breach("door", node, name)
        for name in body.origins:
            self.handed_around.update(filter(self.rules.is_module, self.program.bound(body, name)))

    def _assignment(self, targets: list[ast.expr], value: ast.expr, scope: Scope) -> None:
        for target in targets if isinstance(value, ast.Constant) else ():
            paths = self.program.resolve(target, scope)
            if paths and all(path.startswith(SETTINGS) for path in paths):
                self._done.update(_links(target))
        if all(isinstance(target, ast.Name) for target in targets) and self.program.resolve(value, scope):
            self._read(value, scope, alias=True)  # `F = torch.nn.functional`

    def _call(self, node: ast.Call, scope: Scope) -> None:
        self._calls[node.func] = node
        starred = any(isinstance(a, ast.Starred) for a in node.args) or not all(k.arg for k in node.keywords)
        for path in sorted(self.program.resolve(node.func, scope) & MOST_ARGUMENTS.keys()):
            if starred or len(node.args) + len(node.keywords) > MOST_ARGUMENTS[path]:
                self._breach("door", node, path)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name in BY_NAME and node.args:
            if name in ("setattr", "delattr"):
                self._change(node, node.args[0], scope)
            if link(node) is not None or name != "getattr":
                self._done.add(node.func)
            else:
                self._read(node.args[0], scope, alias=True)
        if name == "type" and len(node.args) == 3:
            self._suspect("class", node)
        if node not in self._done and (link(node) is not None or table_of(node) is not None):
            self._read(node, scope)

    def _read(self, node: ast.expr, scope: Scope, *, alias: bool = False) -> None:
        """Judge a name, or all the attributes that are read from something, as a whole."""
        base, names = chain(node)
        self._done.update((node, *_links(node)))
        if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
            self._change(node, node.value, scope)
            if names[-1:] and names[-1] in BINDINGS:
                self._breach("door", node, names[-1])
        paths = self.program.resolve(node, scope)
        for path in sorted(paths):
            self._path(node, path)
            if path in MOST_ARGUMENTS and node not in self._calls:
                self._breach("door", node, path)
            modules = {path} if self.rules.is_module(path) else self.program.imported(path)
            if modules and not alias:
                self.handed_around.update(filter(self.rules.is_module, modules))
                self._suspect("module", node, path)
        if not paths:
            own = False
            if isinstance(base, ast.Name):
                own = base.id in ("self", "cls")
                self._builtin(base, scope)
            for i, name in enumerate(names):
                self._on_object(node, name, own=own and i == 0)
        table = table_of(node)
        for path in sorted(self.program.resolve(table, scope)) if table is not None else ():
            if not _is_own(path):
                self._breach("door", node, f"{path}.__dict__")
        if (names[-1:] == ["compile"] and not paths and node in self._calls) or any(
            _compiles(path) for path in paths
        ):
            self._compile(node)

    def _builtin(self, node: ast.Name, scope: Scope) -> None:
        name, call = node.id, self._calls.get(node)
        if any(home.kind != "module" or home.defines(name) for home in scope.homes(name)):
            return
        if name in DENIED_BUILTINS or is_internal(name) or (name == "vars" and call and not call.args):
            self._breach("builtin", node, name)
        elif name in BY_NAME or (name == "vars" and not call):
            self._suspect("name", node)

    def _on_object(self, node: ast.AST, name: str, *, own: bool = False) -> None:
        """Judge a name read from an object that may be anything, `own` if it is `self`."""
        if not own:
            self._unknown.append((node, name))
        foreign = not own and (name in MODULES or name not in self.own)
        if is_internal(name) or (is_door(name) and foreign):
            self._breach("door", node, name)
        elif name in self.rules.banned_leaves and not own and name not in self.own:
            self._breach("banned", node, name)
        elif is_odd(name) and name not in self.own:
            self._suspect("odd", node, name)

    def _change(self, node: ast.AST, base: ast.expr, scope: Scope) -> None:
        for path in sorted(self.program.resolve(base, scope)):
            if not _is_own(path):
                self._breach("assign", node, path)

    def _compile(self, node: ast.expr) -> None:
        """Judge a use of torch.compile, of a module's `compile`, or of what may be one of them."""
        call = self._calls.get(node)
        given = {keyword.arg: keyword.value for keyword in call.keywords} if call else {}
        if any(
            not _is_plain(given.get(name), named)
            for name, named in (("backend", BACKENDS), ("options", None))
        ):
            self._breach("backend", node, ", ".join(sorted(BACKENDS)))
        if not self.rules.compiles:
            self._suspect("compile", node)

    # Dotted paths

    def _path(self, node: ast.AST, path: str) -> None:
        """Judge the full name of something imported."""
        holder, *names = path.split(".")
        if _is_own(path):
            self._own_path(node, path)
            return
        if not self.rules.is_module(holder):
            if not isinstance(node, ast.Name | ast.Attribute) or not self.breaches:  # else said at its import
                self._breach("import", node, holder)
            return
        for name in names:
            if self.rules.is_module(holder):
                if self.rules.refuses(holder, name) and f"{holder}.{name}" != "torch.compile":
                    self._refuse(node, holder, name)
                    return
            elif is_door(name) or (
                name.startswith("_") and not is_odd(name) and self.rules.is_partly_open(holder)
            ):
                self._breach("door", node, name)
                return
            elif is_odd(name):
                self._suspect("odd", node, name)
            holder = f"{holder}.{name}"
        if self.rules.is_banned(path):
            self._breach("banned", node, path)

    def _own_path(self, node: ast.AST, path: str) -> None:
        _, *parts = path.split(".")
        earlier = bool(parts) and parts[0] in self.rules.ancestors and parts[1:2] in ([], ["solution"])
        if parts and parts[0] != self.package.split(".")[1] and not earlier:
            allowed = ", ".join(f"exercises.{name}.solution" for name in sorted(self.rules.ancestors)) or "-"
            self._breach("exercise", node, path, allowed)
        for name in parts[2:]:
            self._on_object(node, name, own=not is_door(name))

    # Findings

    def _refuse(self, node: ast.AST, module: str, name: str) -> None:
        choices = self.rules.choices(module)
        self._breach("choice" if choices else "attribute", node, f"{module}.{name}", choices)

    def _breach(self, kind: str, node: ast.AST, *words: str) -> None:
        self._add(self.breaches, kind, _BREACHES[kind], node, words)

    def _suspect(self, kind: str, node: ast.AST, *words: str) -> None:
        self._add(self.suspicions, "suspicious", _SUSPICIONS[kind], node, words)

    def _add(
        self, to: list[Finding], rule: str, said: tuple[str, str], node: ast.AST, words: Iterable[str]
    ) -> None:
        line = getattr(node, "lineno", 0)
        en, zh = (text.format(*(word[:200] for word in words)) for text in said)
        if (line, en) in self._seen or len(to) >= MOST:
            return
        self._seen.add((line, en))
        code = self.lines[line - 1].strip()[:80] if 0 < line <= len(self.lines) else ""
        code = "".join(c if c.isprintable() and c != "`" else "?" for c in code)
        to.append(finding(rule, self.file, line, f"`{code}`: {en}", f"`{code}`：{zh}"))


def _links(node: ast.AST) -> Iterator[ast.AST]:
    """Yield a node, what it reads an attribute from, and so on; with the tables that are read by a key."""
    while (read := link(node)) is not None:
        yield node
        if not isinstance(node, ast.Attribute):
            called = getattr(node, "func", node)
            yield from (called, getattr(called, "value", called))
        node = read[0]
    if isinstance(node, ast.Name):
        yield node


def _is_plain(value: ast.expr | None, named: Iterable[str] | None) -> bool:
    """Say whether a value is spelled out, and one of those that are named."""
    try:
        return value is None or ast.literal_eval(value) in (named or [ast.literal_eval(value)])
    except (ValueError, TypeError):
        return False


def _is_bound_door(name: str) -> bool:
    """Say whether this is a door where it is text or a keyword."""
    return is_internal(name) or name in BINDINGS


def _compiles(path: str) -> bool:
    return path.endswith(".compile") and not path.startswith("re.")


def _is_own(path: str) -> bool:
    return path == "exercises" or path.startswith("exercises.")
