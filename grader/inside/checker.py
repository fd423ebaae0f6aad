"""Check one file of a submission against the rules of its exercise."""

from __future__ import annotations

import ast
import re

from grader.inside.doors import (
    BY_LITERAL_NAME,
    DENIED_BINDINGS,
    DENIED_BUILTINS,
    ONE_ARGUMENT,
    Rules,
    attribute_is_door,
    dunder_is_door,
)
from grader.inside.reading import Finding, finding, split_lines
from grader.inside.scopes import (
    Kind,
    Opaque,
    Origin,
    Program,
    Scope,
    TooIndirectError,
    Walker,
    import_base,
    literal_getattr,
    module_name,
)

MOST = 50  # findings of one file; a source made of violations must not become a report of them
_DUNDER_FIELD = re.compile(r"\{[^{}]*[.\[]\s*__")


class Checker(Walker):
    """Check one file against the rules. The findings are in `findings` after `check`."""

    def __init__(
        self, file: str, text: str, program: Program, rules: Rules, *, defined: frozenset[str]
    ) -> None:
        self.file, self.program, self.rules = file, program, rules
        self.lines = split_lines(text)
        _, self.package = module_name(file)
        self.exercise = file.split("/")[1]
        self.defined = defined  # names of the student's own functions and attributes
        self.findings: list[Finding] = []
        self.seen: set[tuple[str, int, str]] = set()
        self.part_of_chain: set[ast.AST] = set()  # already judged as part of what holds them
        self.may_be_module: set[ast.AST] = set()  # `F = torch.nn.functional`
        self.called: set[ast.AST] = set()
        self.literal: set[ast.AST] = set()  # the `getattr` of getattr(x, "name")
        self.harmless: set[ast.AST] = set()  # the `object.__setattr__` of a frozen dataclass
        self.refused: set[str] = set()  # roots of modules already reported at their import
        self.quiet: set[ast.AST] = set()  # docstrings

    def check(self, tree: ast.Module) -> None:
        """Walk the file."""
        self.scope = self.program.opened[tree]
        self._check_bindings(self.scope)
        for statement in tree.body:
            self.walk(statement)

    def open(self, node: ast.AST, kind: Kind) -> Scope:
        """Return the scope made when the program was read, and check what its names are bound to."""
        scope = self.program.opened[node]
        self._check_bindings(scope)
        return scope

    def look(self, node: ast.AST) -> None:
        """Judge one node."""
        if len(self.findings) >= MOST:
            return
        try:
            self._judge(node)
        except TooIndirectError:
            self._report(
                "indirect", node,
                "goes through too many names to be checked; use the imported name directly",
                "经过的别名太多，无法检查；请直接使用导入的名字",
            )  # fmt: skip

    def _judge(self, node: ast.AST) -> None:
        match node:
            case ast.Import():
                for alias in node.names:
                    self._check_module(node, alias.name)
            case ast.ImportFrom():
                self._check_import_from(node)
            case ast.Assign() | ast.AnnAssign():
                self._note_alias(node)
            case ast.Expr(value=ast.Constant()):
                self.quiet.add(node.value)
            case ast.Call():
                self._check_call(node)
            case ast.Attribute():
                self._check_attribute(node)
            case ast.Subscript(ctx=ast.Store() | ast.Del()):
                self._check_target(node, node.value)
            case ast.Name(ctx=ast.Load()):
                self._check_name(node)
            case ast.keyword(arg=str(name)):
                if name == "trust_remote_code" or name in DENIED_BINDINGS:
                    self._report_door(node.value, name)
            case ast.MatchClass():
                for attribute in node.kwd_attrs:
                    if attribute_is_door(attribute):
                        self._report_door(node, attribute)
            case ast.Constant(value=str(value)) if node not in self.quiet:
                if dunder_is_door(value) or value == "trust_remote_code" or _DUNDER_FIELD.search(value):
                    self._report_door(node, value[:40])

    # Imports

    def _check_import_from(self, node: ast.ImportFrom) -> None:
        base = import_base(node, self.package)
        if any(alias.name == "*" for alias in node.names):
            self._report(
                "star", node,
                "star imports are not allowed: they hide where names come from",
                "不允许使用 import *：看不出名字的来源",
            )  # fmt: skip
        elif not base:
            self._report("import", node, "leaves the repository", "相对导入超出了仓库范围")
        elif _is_own(base) or self._check_module(node, base):
            for alias in node.names:
                self._check_paths(node, self.program.follow(f"{base}.{alias.name}"))

    def _check_module(self, node: ast.Import | ast.ImportFrom, name: str) -> bool:
        """Check the module of an import statement; say whether its names are worth a look."""
        if _is_own(name):
            self._check_path(node, name)
            return True
        if not self.rules.is_module(name):
            self._report_module(node, name)
            return False
        if name in self.rules.restricted and isinstance(node, ast.Import):
            choices = self.rules.choices(name)
            self._report(
                "import", node,
                f"import the names you need: `from {name} import ...`; allowed: {choices}",
                f"请只导入需要的名字：`from {name} import ...`；允许的名字：{choices}",
            )  # fmt: skip
            self.refused.add(name)
        return True

    def _report_module(self, node: ast.AST, name: str) -> None:
        root = name.partition(".")[0]
        if not self.rules.is_module(root):
            if root in self.refused and not isinstance(node, ast.Import | ast.ImportFrom):
                return  # said at the import
            self.refused.add(root)
        if f"{self.package}.{root}" in self.program.modules:
            en, zh = f"write `from .{root} import ...`", f"请写成 `from .{root} import ...`"
        else:
            allowed = ", ".join(sorted({m.partition(".")[0] for m in self.rules.allowed} - {"__future__"}))
            en, zh = f"allowed: {allowed}", f"允许的模块：{allowed}"
        self._report(
            "import", node,
            f"the module {name} is not allowed in this exercise; {en}",
            f"本练习不允许使用模块 {name}；{zh}",
            name,
        )  # fmt: skip

    def _check_bindings(self, scope: Scope) -> None:
        """See that a name that means a module means nothing else, and that no class carries one."""
        for name, origins in scope.origins.items():
            found = [self._origin_paths(origin) for origin in origins]
            modules = {path for paths in found for path in paths if self._is_module(path)}
            line = min((o.line for o in origins if not isinstance(o, Opaque)), default=0)
            if name in DENIED_BINDINGS:
                self._report_door(line, name)
            elif modules and scope.kind == "class":
                self._report(
                    "module", line,
                    "modules are imported at the top of the file, not inside a class",
                    "请在文件开头导入模块，不要放在类里",
                )  # fmt: skip
            elif modules and any(paths != found[0] for paths in found):
                self._report(
                    "module", line,
                    f"`{name}` is a module here and something else elsewhere; use two names",
                    f"`{name}` 在这里是模块，在别处又是别的东西；请使用两个名字",
                )  # fmt: skip

    def _origin_paths(self, origin: Origin) -> frozenset[str]:
        try:
            return self.program.origin_paths(origin)
        except TooIndirectError:
            return frozenset()  # said where the name is used

    # Uses

    def _note_alias(self, node: ast.Assign | ast.AnnAssign) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if node.value is not None and all(isinstance(target, ast.Name) for target in targets):
            self.may_be_module.add(node.value)

    def _check_call(self, node: ast.Call) -> None:
        self.called.add(node.func)
        if _sets_own_attribute(node):
            self.harmless.add(node.func)
        if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
            self._check_arguments(node, self.program.resolve(node.func, self.scope))
        read = literal_getattr(node)
        if read is None or self.scope.is_local(ast.unparse(node.func)):
            return
        base, name = read
        self.literal.add(node.func)
        self.part_of_chain.add(base)
        if isinstance(node.func, ast.Name) and node.func.id in ("setattr", "delattr"):
            self._check_target(node, base)
        self._check_chain(node, base, name)

    def _check_arguments(self, node: ast.expr, paths: frozenset[str]) -> None:
        for path in sorted(ONE_ARGUMENT & paths):
            self._report_door(node, path)

    def _check_attribute(self, node: ast.Attribute) -> None:
        self.part_of_chain.add(node.value)
        if not isinstance(node.ctx, ast.Load):
            self._check_target(node, node.value)
        self._check_chain(node, node.value, node.attr)

    def _check_chain(self, node: ast.Attribute | ast.Call, base: ast.expr, name: str) -> None:
        paths = self.program.resolve(node, self.scope)
        if not paths:
            self._check_on_object(node, base, name)
        elif node not in self.part_of_chain:
            self._check_paths(node, paths)
            self._check_value(node, paths)

    def _check_on_object(self, node: ast.AST, base: ast.expr, name: str) -> None:
        if node in self.harmless:
            return
        own = isinstance(base, ast.Name) and base.id in ("self", "cls")
        # `x.modules` may be sys.modules, `x.modules()` is nn.Module's.
        table = name == "modules" and node not in self.called and name not in self.defined
        if dunder_is_door(name) or (not own and (attribute_is_door(name) or table)):
            self._report_door(node, name)
        elif name in self.rules.banned_leaves and name not in self.defined:
            self._report_banned(node, name)

    def _check_target(self, node: ast.AST, base: ast.expr) -> None:
        for path in sorted(self.program.resolve(base, self.scope)):
            if not _is_own(path):
                self._report(
                    "assign", node,
                    f"changes {path}, which was imported; imported things are not to be changed",
                    f"修改了导入的 {path}；不允许修改导入的对象",
                    path,
                )  # fmt: skip

    def _check_name(self, node: ast.Name) -> None:
        if not self.scope.is_local(node.id):
            if node.id in DENIED_BUILTINS or dunder_is_door(node.id):
                self._report(
                    "builtin", node,
                    f"`{node.id}` is not allowed in this exercise",
                    f"本练习不允许使用 `{node.id}`",
                    node.id,
                )  # fmt: skip
            elif node.id in BY_LITERAL_NAME and node not in self.literal:
                self._report(
                    "getattr", node,
                    f'`{node.id}` is allowed only as a call with the name spelled out: {node.id}(x, "name")',
                    f'`{node.id}` 只能直接调用，且名字必须写成字符串常量：{node.id}(x, "name")',
                    node.id,
                )  # fmt: skip
        if node not in self.part_of_chain:
            paths = self.program.resolve(node, self.scope)
            self._check_paths(node, paths)
            self._check_value(node, paths)

    def _check_value(self, node: ast.expr, paths: frozenset[str]) -> None:
        if node in self.may_be_module:
            return
        if node not in self.called:
            self._check_arguments(node, paths)
        for path in sorted(path for path in paths if self._is_module(path)):
            self._report(
                "module", node,
                f"passes the module {path} around as a value; write {path}.name where it is needed",
                f"把模块 {path} 当作值传递；请在需要的地方直接写 {path}.名字",
                path,
            )  # fmt: skip

    def _is_module(self, path: str) -> bool:
        own = any(f"{module}.".startswith(f"{path}.") for module in self.program.modules)
        return own or self.rules.is_module(path)

    # Dotted paths

    def _check_paths(self, node: ast.AST, paths: frozenset[str]) -> None:
        for path in sorted(paths):
            self._check_path(node, path)

    def _check_path(self, node: ast.AST, path: str) -> None:
        if _is_own(path):
            self._check_own(node, path)
        elif not self.rules.is_module(path.partition(".")[0]):
            self._report_module(node, path.partition(".")[0])
        elif not self._leads_out(node, path) and self.rules.is_banned(path):
            self._report_banned(node, path)

    def _leads_out(self, node: ast.AST, path: str) -> bool:
        """Report the first door on a path of names, if there is one."""
        holder, *names = path.split(".")
        for name in names:
            if self.rules.is_module(holder):
                if self.rules.refuses(holder, name):
                    self._report_refused(node, holder, name)
                    return True
            elif attribute_is_door(name):
                self._report_door(node, name)
                return True
            holder = f"{holder}.{name}"
        return False

    def _check_own(self, node: ast.AST, path: str) -> None:
        _, *parts = path.split(".")
        earlier = bool(parts) and parts[0] in self.rules.ancestors and parts[1:2] in ([], ["solution"])
        if parts and parts[0] != self.exercise and not earlier:
            allowed = ", ".join(f"exercises.{name}.solution" for name in sorted(self.rules.ancestors)) or "-"
            self._report(
                "import", node,
                f"{path} is not part of this exercise; of the earlier exercises, allowed: {allowed}",
                f"{path} 不属于本练习；之前的练习中允许导入的有：{allowed}",
                path,
            )  # fmt: skip
        for name in parts[2:]:
            if attribute_is_door(name):
                self._report_door(node, name)

    # Findings

    def _report_refused(self, node: ast.AST, module: str, name: str) -> None:
        choices = self.rules.choices(module)
        self._report(
            "attribute", node,
            f"{module}.{name} is not allowed in this exercise" + (f"; allowed: {choices}" if choices else ""),
            f"本练习不允许使用 {module}.{name}" + (f"；允许的名字：{choices}" if choices else ""),
            f"{module}.{name}",
        )  # fmt: skip

    def _report_door(self, node: ast.AST | int, name: str) -> None:
        self._report(
            "attribute", node,
            f"`{name}` is not allowed: it reaches beyond the exercise",
            f"不允许使用 `{name}`：它会触及练习范围之外的东西",
            name,
        )  # fmt: skip

    def _report_banned(self, node: ast.AST, path: str) -> None:
        self._report(
            "banned", node,
            f"{path} is what this exercise asks you to write yourself",
            f"{path} 正是本练习要求你自己实现的内容",
            path,
        )  # fmt: skip

    def _report(self, rule: str, node: ast.AST | int, en: str, zh: str, subject: str = "") -> None:
        line = node if isinstance(node, int) else getattr(node, "lineno", 0)
        if (rule, line, subject) in self.seen or len(self.findings) >= MOST:
            return
        self.seen.add((rule, line, subject))
        code = self.lines[line - 1].strip()[:80] if 0 < line <= len(self.lines) else ""
        code = "".join(c if c.isprintable() and c != "`" else "?" for c in code)
        self.findings.append(finding(rule, self.file, line, f"`{code}`: {en}", f"`{code}`：{zh}"))


def _sets_own_attribute(call: ast.Call) -> bool:
    """Recognise `object.__setattr__(self, ...)` and `super().__setattr__(...)`, both common and harmless."""
    match call:
        case ast.Call(
            func=ast.Attribute(value=ast.Name(id="object"), attr="__setattr__"),
            args=[ast.Name(id="self"), *_],
        ):
            return True
        case ast.Call(
            func=ast.Attribute(
                value=ast.Call(func=ast.Name(id="super")), attr="__setattr__" | "__getattr__" | "__delattr__"
            )
        ):
            return True
    return False


def _is_own(path: str) -> bool:
    return path == "exercises" or path.startswith("exercises.")
