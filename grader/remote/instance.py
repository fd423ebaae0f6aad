"""A handle: the judge's side of an object that lives in the worker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NoReturn

from grader.remote.failures import AnswerError

CallMethod = Callable[["Instance", str, tuple[object, ...], dict[str, object]], object]


class Instance:
    """An instance of a declared class of the student's. Only declared methods can be called.

    It says nothing about itself that the student could decide: it refuses comparison and truth, and
    has no arithmetic and no iteration.
    """

    def __init__(self, handle: int, cls: str, methods: Sequence[str], call: CallMethod) -> None:
        self._handle = handle
        self._cls = cls
        self._methods = methods
        self._call = call

    def __getattr__(self, name: str) -> Callable[..., object]:
        if name not in self._methods or name.startswith("__"):
            declared = ", ".join(self._methods) or "none"
            raise AttributeError(f"{self._cls}.{name} is not declared in exercise.yaml; declared: {declared}")
        return lambda *args, **kwargs: self._call(self, name, args, kwargs)

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Call the object, where `__call__` is declared."""
        self._require("__call__")
        return self._call(self, "__call__", args, kwargs)

    def __len__(self) -> int:
        self._require("__len__")
        length = self._call(self, "__len__", (), {})
        if type(length) is not int or not 0 <= length < 2**62:
            raise AnswerError(f"len({self._cls}) is not a length")
        return length

    def __bool__(self) -> NoReturn:
        raise TypeError(f"a {self._cls} of the student's has no truth value here")

    def __eq__(self, other: object) -> NoReturn:
        raise TypeError(f"a {self._cls} of the student's cannot be compared; use `is`")

    __ne__ = __eq__
    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"<the student's {self._cls}>"

    def _require(self, method: str) -> None:
        if method not in self._methods:
            raise TypeError(f"{self._cls}.{method} is not declared in exercise.yaml")
