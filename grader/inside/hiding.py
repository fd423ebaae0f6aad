"""Functions of ours that a student's code may call and must not be able to take apart."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])


def opaque(function: F) -> F:
    """Return a function that does the same and leads to nothing: it has no closure and no code to be read.

    Of all callables of Python's only the C object behind lru_cache keeps what it calls where no attribute
    leads; with room for nothing it is a plain call. It binds as a method does.
    """
    hidden = functools.lru_cache(maxsize=0)(function)
    hidden.__wrapped__ = None  # type: ignore[assignment]  # torch's compiler asks for it
    return hidden  # type: ignore[return-value]
