"""Objects that stay with the judge and that the student's code may call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence

from grader.checks import WrongAnswer
from grader.job import Text

Check = Callable[..., object]
IN_ALL = 100  # times what one call may bring: what all calls of an object may


class ExposedObject:
    """A stand-in to pass to the student. Holds what may be called, how often, and with what and how much."""

    def __init__(
        self, methods: Mapping[str, tuple[Callable[..., object], Check]], most: int, max_calls: int
    ) -> None:
        self._methods = dict(methods)
        self._signatures = {name: _signature(function) for name, (function, _) in methods.items()}
        self._most = most
        self._max_calls = max_calls
        self._left = IN_ALL * most
        self.calls = 0

    @property
    def methods(self) -> list[str]:
        """Names of the methods the stand-in has."""
        return list(self._methods)

    def admit(self, size: int) -> WrongAnswer | None:
        """Count a call whose arguments hold `size` values, before they are read; return why it is refused."""
        self.calls += 1
        if self.calls > self._max_calls:
            return _refused(f"more than {self._max_calls} calls", f"调用超过 {self._max_calls} 次")
        if size > self._most:
            return _refused(
                f"more than {self._most} values in one call", f"一次调用传入超过 {self._most} 个数值"
            )
        self._left -= size
        if self._left < 0:
            most = IN_ALL * self._most
            return _refused(f"more than {most} values in all", f"全部调用共传入超过 {most} 个数值")
        return None

    def call(self, method: str, args: Sequence[object], kwargs: Mapping[str, object]) -> object:
        """Check the arguments and call a listed method.

        Raises WrongAnswer where the student called it wrongly, and whatever the method itself raises.
        """
        function, check = self._methods[method]
        if (signature := self._signatures[method]) is not None:
            _check_signature(signature, method, args, kwargs)
        try:
            check(*args, **kwargs)
        except ValueError as error:
            raise _refused(*(error.args if len(error.args) == 2 else [str(error)] * 2)) from None
        return function(*args, **kwargs)


def expose(
    target: object, check: Check | Mapping[str, Check], *, most: int, max_calls: int = 1000
) -> ExposedObject:
    """Let the student's code call `target`, which stays with the judge.

    `check(*args, **kwargs)` raises ValueError(English, Chinese), plain messages, where the arguments are
    malformed: a plain callable is nothing else than called, of any other object only the methods in a
    mapping can be, each with its own check. `most` bounds what one call may bring, before any of it is read:
    numbers, in lists and tensors alike; all calls together may bring IN_ALL times as much. A refused call
    fails the test for good, whatever the student's code makes of the exception.
    """
    checks = check if isinstance(check, Mapping) else {"__call__": check}
    if not all(map(callable, checks.values())):
        raise TypeError("every method that is exposed needs a check of what it is called with")
    if not isinstance(check, Mapping):
        if not callable(target):
            raise TypeError("an object that is not callable needs its methods listed")
        return ExposedObject({"__call__": (target, check)}, most, max_calls)
    return ExposedObject({name: (getattr(target, name), c) for name, c in check.items()}, most, max_calls)


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
