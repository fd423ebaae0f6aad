"""torch.compile inside the worker: wrappers the judge asked for, graphs counted, failures in one line.

torch's compiler is imported by nothing here but the first wrapper: a submission that never compiles
does not pay for it. What is counted is evidence, not proof, as all that is seen in this process.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import torch

from grader.inside.wire import Compile

Function = Callable[..., Any]
MESSAGE = 180  # characters: what a hidden test shows of a message is little more


class Wrappers:
    """One torch.compile wrapper per function and options, with the eager back end."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, bool, bool | None], Function] = {}

    def get(self, name: str, function: Function, options: Compile) -> Function:
        """Return the wrapper of a function, making it where it is asked for the first time."""
        key = name, options.fullgraph, options.dynamic
        if key not in self._made:
            self._made[key] = torch.compile(
                function, fullgraph=options.fullgraph, dynamic=options.dynamic, backend="eager"
            )
        return self._made[key]

    def forget(self) -> None:
        """Drop the wrappers and what was compiled through them, so that the next test starts afresh."""
        if self._made:
            self._made.clear()
            torch._dynamo.reset()


def switch_off() -> None:
    """Have torch.compile, and a module's own `compile`, do nothing: the exercise does not open it.

    Whoever compiles out of habit loses nothing by it, and nobody gets at the compiler.
    """

    def compile(model: object = None, **_: object) -> object:  # noqa: A001  # as torch calls it
        return model if model is not None else lambda function: function

    torch.compile = compile  # type: ignore[assignment]
    torch.nn.Module.compile = lambda self, *_, **__: None  # type: ignore[method-assign]


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


def _last_guard() -> str:
    """Return what changed before the last recompilation, e.g. a tensor's size."""
    compiler = _module("torch._dynamo.utils")
    failures = getattr(compiler, "guard_failures", None) or {}
    latest = [str(told[-1]) for told in failures.values() if told]
    return latest[-1].partition(": ")[2].partition("  #")[0].strip() if latest else ""


def _module(name: str) -> ModuleType | None:
    """Return a module of torch's compiler if anybody has imported it."""
    return sys.modules.get(name)
