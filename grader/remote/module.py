"""What a hidden test sees of a student's solution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch

from grader.inside.wire import Compile, Evidence
from grader.remote.failures import AnswerError, StudentError
from grader.remote.instance import Instance
from grader.remote.session import Record, Session


class RemoteName:
    """A declared function or class of the student's. Calling it runs it in the worker."""

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self.__name__ = name

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Call it. Raises what Session.call raises, and StudentError where the solution lacks it."""
        self._require()
        return self._session.call(self.__name__, args, kwargs)

    def __repr__(self) -> str:
        return f"<the student's {self.__name__}>"

    def _require(self) -> None:
        if self.__name__ not in self._session.present:
            message = f"your solution.py does not define {self.__name__}"
            raise StudentError("missing", "AttributeError", ("AttributeError",), message)


class CompiledName(RemoteName):
    """A function of the student's that is called through torch.compile with the eager back end.

    `graphs` counts the graphs captured for it so far. It is counted in the worker by the process of the
    student's code: evidence against the careless, not proof against a forger.
    """

    def __init__(self, session: Session, name: str, options: Compile) -> None:
        super().__init__(session, name)
        self._options = options
        self.graphs = 0

    def __call__(self, *args: object, **kwargs: object) -> object:
        """Call it. A capture that fails raises StudentError with torch's reason in one line."""
        self._require()
        before = self._session.graphs
        try:
            return self._session.call(self.__name__, args, kwargs, compiled=self._options)
        finally:
            self.graphs += self._session.graphs - before


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

    def compiled(self, name: str, *, fullgraph: bool = False, dynamic: bool | None = None) -> CompiledName:
        """Return a declared function to be called through torch.compile: an eager back end, graphs counted.

        Until the test ends, all calls with the same name and options go through one wrapper, so that a
        second call compiles nothing where the first one's graph fits. Arguments may be handles. Raises
        AttributeError for names that are no declared function.
        """
        if name not in self._session.functions:
            raise AttributeError(f"{name} is not declared in exercise.yaml as a function")
        return CompiledName(self._session, name, Compile(fullgraph, dynamic))

    def held(
        self, instance: Instance, contents: Sequence[torch.Tensor | None] | None = None
    ) -> list[torch.Tensor | None]:
        """Return the memory of an object's tensors, read without asking the object: [n] for each storage.

        Which they are is settled when this is first asked of an object: the storages it reached then, in
        some order. None stands for one that has since been moved or resized. `contents`, as returned, is
        written there first. Evidence, not proof: the worker reads.
        """
        pieces = self._session.hold(instance, contents)
        if not isinstance(pieces, list) or not all(
            p is None or (isinstance(p, torch.Tensor) and p.dim() == 1) for p in pieces
        ):
            raise AnswerError("the memory of its tensors cannot be read")
        return pieces

    @property
    def graphs(self) -> int:
        """How many graphs torch.compile has made in this worker, the student's own use of it included.

        Evidence, not proof: the worker counts. Compare before and after a call.
        """
        return self._session.graphs

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
