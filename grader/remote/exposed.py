"""Objects that stay with the judge and that the student's code may call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence

from grader.checks import WrongAnswer
from grader.job import Text

Check = Callable[..., object]


class ExposedObject:
    """A stand-in to pass to the student. Holds what may be called, how often, and with what."""

    def __init__(
        self, methods: Mapping[str, tuple[Callable[..., object], Check | None]], max_calls: int
    ) -> None:
        self._methods = dict(methods)
        self._signatures = {name: _signature(function) for name, (function, _) in methods.items()}
        self._max_calls = max_calls
        self.calls = 0

    @property
    def methods(self) -> list[str]:
        """Names of the methods the stand-in has."""
        return list(self._methods)

    def call(self, method: str, args: Sequence[object], kwargs: Mapping[str, object]) -> object:
        """Check the arguments and call a listed method.

        Raises WrongAnswer where the student called it wrongly, and whatever the method itself raises.
        """
        function, check = self._methods[method]
        self.calls += 1
        if self.calls > self._max_calls:
            raise _refused(f"more than {self._max_calls} calls", f"调用超过 {self._max_calls} 次")
        if (signature := self._signatures[method]) is not None:
            _check_signature(signature, method, args, kwargs)
        if check is not None:
            try:
                check(*args, **kwargs)
            except ValueError as error:
                raise _refused(*(error.args if len(error.args) == 2 else [str(error)] * 2)) from None
        return function(*args, **kwargs)


def expose(
    target: object,
    methods: Mapping[str, Check | None] | None = None,
    *,
    check: Check | None = None,
    max_calls: int = 1000,
) -> ExposedObject:
    """Let the student's code call `target`, which stays with the judge.

    A plain callable needs no `methods`; `check(*args, **kwargs)` raises ValueError(English, Chinese), plain
    messages, where the arguments are malformed. Of any other object only `methods` (name -> check or None)
    can be called. A refused call fails the test for good, whatever the student's code makes of the exception.
    """
    if methods is None:
        if not callable(target):
            raise TypeError("an object that is not callable needs its methods listed")
        return ExposedObject({"__call__": (target, check)}, max_calls)
    if check is not None:
        raise TypeError("with methods, each has its own check")
    return ExposedObject({name: (getattr(target, name), check) for name, check in methods.items()}, max_calls)


def _signature(function: Callable[..., object]) -> inspect.Signature | None:
    try:
        return inspect.signature(function)
    except (TypeError, ValueError):  # a builtin without one
        return None


def _check_signature(
    signature: inspect.Signature, method: str, args: Sequence[object], kwargs: Mapping[str, object]
) -> None:
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        what = "it" if method == "__call__" else method
        raise _refused(f"{what}{signature}: {error}", f"{method}{signature}:{error}") from None


def _refused(en: str, zh: str) -> WrongAnswer:
    return WrongAnswer(
        Text(f"your code called an object it was given wrongly: {en}", f"你的代码错误地调用了传入的对象:{zh}")
    )
