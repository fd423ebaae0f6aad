"""torch.compile inside the worker: wrappers the judge asked for, who else may compile, graphs, failures.

torch's compiler is imported by nothing here but the first wrapper, and for an exercise that opens it: who
never compiles does not pay for it. What is counted is evidence, not proof, like all that is seen here.
"""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any, NoReturn

import torch

from grader.inside.doors import BACKENDS
from grader.inside.hiding import opaque
from grader.inside.wire import Compile

Function = Callable[..., Any]
Refuse = Callable[[str], NoReturn]
COMPILE = "torch.compile"  # as a policy opens it
# What makes TorchScript, which runs any text where Python sees nothing of it.
_SCRIPTING = (
    "_create_function_from_graph", "_create_function_from_trace", "_create_method_from_trace",
    "_import_ir_module_from_package", "_jit_script_class_compile", "_jit_script_compile",
    "_jit_script_compile_overload", "_load_for_lite_interpreter", "_load_for_lite_interpreter_from_buffer",
    "_load_jit_module_from_bytes", "_load_jit_module_from_file", "import_ir_module",
    "import_ir_module_from_buffer", "parse_ir",
)  # fmt: skip
_SCRIPTING_METHODS = {
    "CompilationUnit": ("__init__", "create_function", "define"),
    "ScriptModule": ("_create_method_from_trace", "_create_method_from_trace_with_dict", "_define"),
}
MESSAGE = 180  # characters: what a hidden test shows of a message is little more


class Wrappers:
    """One torch.compile wrapper per function and options, with the eager back end."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, bool, bool | None], Function] = {}

    def get(self, name: str, function: Function, options: Compile) -> Function:
        """Return the wrapper of a function, making it where it is asked for the first time."""
        key = name, options.fullgraph, options.dynamic
        if key not in self._made:
            self._made[key] = _compile(
                function, fullgraph=options.fullgraph, dynamic=options.dynamic, backend="eager"
            )
        return self._made[key]

    def forget(self) -> None:
        """Drop the wrappers and what was compiled through them, so that the next test starts afresh."""
        if self._made:
            self._made.clear()
            torch._dynamo.reset()


def close(opened: Iterable[str], refuse: Refuse) -> None:
    """Have torch.compile do nothing, or where it is opened, take nothing that runs in it; close TorchScript.

    Whoever compiles out of habit loses nothing by it, and nobody gets at the compiler. A back end that is a
    function, or a pass among the options, is given the graph, which runs any text.
    """
    replaced: Function = _checked(refuse) if COMPILE in opened else _unchanged
    torch.compile = opaque(replaced)
    methods = [(getattr(torch._C, cls), name) for cls, names in _SCRIPTING_METHODS.items() for name in names]
    functions = [(owner, name) for owner in (torch._C, torch) for name in _SCRIPTING]
    for owner, name in [*functions, *methods]:
        if hasattr(owner, name):  # not in every version of torch
            setattr(owner, name, opaque(_announced("torch.jit", getattr(owner, name))))
    if COMPILE in opened:
        dynamo: Any = importlib.import_module("torch._dynamo.eval_frame")
        dynamo.get_compiler_fn = opaque(_named_only(dynamo.get_compiler_fn, refuse))
    else:
        torch.nn.Module.compile = opaque(lambda *_, **__: None)  # type: ignore[method-assign]


def graphs() -> int:
    """Return how many graphs torch.compile has handed to back ends in this process so far."""
    compiler = _module("torch._dynamo.utils")
    return 0 if compiler is None else int(compiler.counters["stats"]["unique_graphs"])


def is_failure(error: BaseException) -> bool:
    """Say whether an exception is torch.compile's own."""
    known = _module("torch._dynamo.exc")
    return known is not None and isinstance(error, known.TorchDynamoException | known.FailOnRecompileLimitHit)


def reason(error: BaseException) -> str:
    """Say in one line why torch.compile failed; its own message is some thirty lines long."""
    first, *rest = str(error).splitlines() or [""]
    fields = dict(line.strip().partition(": ")[::2] for line in rest)
    detail = fields.get("Explanation", "").rpartition(": got ")[2]  # of an operator's failure, its own words
    if first == "Observed exception":
        detail = fields.get("Developer debug context", "")
    if type(error).__name__ == "FailOnRecompileLimitHit":
        first, detail = "compiled anew at call after call until the limit", _last_guard()
    said = f"torch.compile cannot go on: {first.rstrip('.')}{': ' if detail else ''}{detail}"
    return said if len(said) <= MESSAGE else f"{said[: MESSAGE - 1]}…"


def places(error: BaseException) -> Iterator[tuple[str, int, str]]:
    """Yield (file, line, function) of what was being compiled, outermost first."""
    stack = getattr(error, "real_stack", None)
    for frame in stack if type(stack) is traceback.StackSummary else ():
        if type(frame.filename) is str and type(frame.lineno) is int and type(frame.name) is str:
            yield frame.filename, frame.lineno, frame.name


def _unchanged(model: object = None, **_: object) -> object:
    return model if model is not None else lambda function: function


def _announced(event: str, function: Function) -> Function:
    """Return the function, which raises an audit event first: the guard knows who may."""

    def announced(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  # whatever the function returns
        sys.audit(event)
        return function(*args, **kwargs)

    return announced


def _checked(refuse: Refuse) -> Function:
    """Return torch.compile for a student: a back end by its name, and options that switch something."""

    def compile(model: object = None, **options: Any) -> Any:  # noqa: A001, ANN401
        backend = options.get("backend", "inductor")
        if type(backend) is not str or backend not in BACKENDS:
            refuse(f"torch.compile(backend=...) other than {', '.join(sorted(BACKENDS))}")
        switches = options.get("options")
        if switches is not None and not (
            type(switches) is dict and all(type(v) is bool for v in switches.values())
        ):
            refuse("torch.compile(options=...) other than True and False")
        if options.get("shapes_spec") is not None:
            refuse("torch.compile(shapes_spec=...)")
        return _compile(model, **options)

    return compile


def _named_only(find: Function, refuse: Refuse) -> Function:
    """Return what finds a back end for torch's compiler, refusing one that is not torch's own."""

    def get_compiler_fn(compiler_fn: object) -> Any:  # noqa: ANN401
        kind, name = type(compiler_fn), compiler_fn
        if kind is torch._TorchCompileWrapper:
            name = compiler_fn.compiler_name  # type: ignore[attr-defined]
            if compiler_fn.compiler_fn is not torch._dynamo.lookup_backend(name):  # type: ignore[attr-defined]
                name = None
        if kind is not torch._TorchCompileInductorWrapper and name not in BACKENDS:
            refuse("a function as back end of torch's compiler")
        return find(compiler_fn)

    return get_compiler_fn


def _last_guard() -> str:
    """Return what changed before the last recompilation, e.g. a tensor's size."""
    compiler = _module("torch._dynamo.utils")
    failures = getattr(compiler, "guard_failures", None) or {}
    latest = [str(told[-1]) for told in failures.values() if told]
    return latest[-1].partition(": ")[2].partition("  #")[0].strip() if latest else ""


_compile: Function = torch.compile  # the original, for the judge


def _module(name: str) -> ModuleType | None:
    """Return a module of torch's compiler if anybody has imported it."""
    return sys.modules.get(name)
