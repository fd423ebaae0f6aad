"""What a hidden test sees of a student's solution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from grader.inside.wire import Evidence
from grader.remote.failures import StudentError
from grader.remote.session import Record, Session


class RemoteName:
    """A declared function or class of the student's. Calling it runs it in the worker."""

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self.__name__ = name

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Call it. Raises what Session.call raises, and StudentError where the solution lacks it."""
        if self.__name__ not in self._session.present:
            message = f"your solution.py does not define {self.__name__}"
            raise StudentError("missing", "AttributeError", ("AttributeError",), message)
        return self._session.call(self.__name__, args, kwargs)

    def __repr__(self) -> str:
        return f"<the student's {self.__name__}>"


class RemoteModule:
    """The student's solution: `student.name(...)` calls a declared function or makes an instance."""

    def __init__(self, session: Session, record: Record | None = None) -> None:
        self._session = session
        session.record = record

    def __getattr__(self, name: str) -> RemoteName:
        if name not in self._session.names:
            declared = ", ".join(self._session.names)
            raise AttributeError(f"{name} is not declared in exercise.yaml; declared: {declared}")
        return RemoteName(self._session, name)

    def has(self, name: str) -> bool:
        """Say whether the solution defines a declared name. Raises AttributeError for other names."""
        return getattr(self, name).__name__ in self._session.present

    def upload(self, files: Mapping[str, bytes]) -> str:
        """Put files into the worker's private disk and return the path of their folder there."""
        return self._session.upload(files)

    @contextmanager
    def inference_mode(self) -> Iterator[None]:
        """Run the calls inside under torch.inference_mode."""
        before, self._session.inference = self._session.inference, True
        try:
            yield
        finally:
            self._session.inference = before

    @contextmanager
    def observing(self) -> Iterator[list[Evidence]]:
        """Collect what each call inside did besides returning. Evidence, not proof."""
        seen: list[Evidence] = []
        self._session.observers.append(seen)
        try:
            yield seen
        finally:
            # By identity: two empty lists are equal.
            self._session.observers = [o for o in self._session.observers if o is not seen]

    def settle(self) -> None:
        """End a test: its handles and generators are void, and nothing unasked-for may be waiting."""
        self._session.settle()
