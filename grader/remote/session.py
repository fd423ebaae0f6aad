"""One conversation with one worker: a question, callbacks while it is answered, its answer."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, TypeVar

from grader.checks import WrongAnswer
from grader.errors import UngradedError
from grader.inside.wire import (
    ANSWER_LIMITS,
    Blob,
    Buffer,
    Call,
    Callback,
    Compile,
    Evidence,
    Forget,
    FrameLimits,
    Hold,
    Inspect,
    Load,
    Message,
    ProtocolError,
    QuestionNode,
    Raise,
    Ready,
    Reply,
    Return,
    Upload,
    answer_decoder,
    pack,
    read_blobs,
    read_message,
    skip_blobs,
)
from grader.job import Limits, Reason
from grader.remote.failures import AnswerError, StudentError, Violation, checked_steps
from grader.remote.instance import Instance
from grader.remote.ledger import Ledger, count_values
from grader.remote.patience import Patience
from grader.wall.worker import Killed

if TYPE_CHECKING:
    import torch

    from grader.exercise import Interface

Record = Callable[[str, object], None]
T = TypeVar("T")
BROKEN = "this object of the grader failed"
NODE_BYTES = 64  # that a value outside a tensor takes here, roughly


class Line(Protocol):
    """The way to a worker and back; `wall.worker.Worker` is one."""

    def send(self, buffers: Sequence[bytes | memoryview], /) -> None:
        """Send all of it. Raises Killed."""

    def receive_into(self, view: memoryview, /) -> None:
        """Fill the view. Raises Killed."""

    def deadline(self, seconds: float, /) -> AbstractContextManager[object]:
        """Bound everything sent and received inside."""

    def kill(self) -> None:
        """Stop the worker and all that it started."""


class Session:
    """The judge's end of the line.

    Ids are drawn at random, so that an answer to a question nobody asked, a second answer, or one
    prepared in advance never fits the next question: it ends as Killed (protocol).
    """

    def __init__(
        self,
        line: Line,
        limits: Limits,
        frames: FrameLimits = ANSWER_LIMITS,
        patience: Patience | None = None,
    ) -> None:
        self.names: tuple[str, ...] = ()
        self.functions: tuple[str, ...] = ()
        self.present: frozenset[str] = frozenset()
        self.inference = False
        self.graphs = 0  # made by torch.compile in this worker so far, by its own account
        self.observers: list[list[Evidence]] = []
        self.record: Record | None = None
        self._line = line
        self._limits = limits
        self._patience = patience or Patience(limits.call)
        self._frames = frames
        self._ledger = Ledger(self._call_method)
        self._files: Mapping[str, bytes] = {}  # what was loaded
        self._received = 0  # bytes since the last test, which may keep all of them
        self._asking = False
        self._ended: Exception | None = None
        self._guarded(self._read_ready, limits.call)

    # ---------------------------------------------------------------------------------- questions
    def load(
        self,
        files: Mapping[str, bytes],
        *,
        module: str,
        interface: Interface,
        opened: Sequence[str] | None = None,
        names: Mapping[str, Sequence[str]] = MappingProxyType({}),
        poison: Sequence[str] = (),
        banned: Sequence[str] = (),
        device: str = "cpu",
        seed: int = 0,
    ) -> None:
        """Import a submission. Raises StudentError with the import's traceback, Violation, Killed."""
        self.names, self.functions = interface.names, interface.functions
        self._files = files
        self._ledger.classes = interface.classes
        question = Load(
            id=0,
            paths=list(files),
            module=module,
            functions=list(interface.functions),
            classes={name: list(methods) for name, methods in interface.classes.items()},
            opened=None if opened is None else list(opened),
            names={module: list(allowed) for module, allowed in names.items()},
            poison=list(poison),
            banned=list(banned),
            device=device,
            seed=seed % 2**63,
            answer_header=self._frames.header,
            answer_payload=self._frames.payload,
        )
        present = self._ask(question, list(files.values()))
        said = present if isinstance(present, list) else []
        self.present = frozenset(self.names).intersection(name for name in said if isinstance(name, str))

    def inspect(self, files: Mapping[str, bytes], spec: Mapping[str, object]) -> object:
        """Check sources without running them; see `inside.policy.inspect`. Returns plain data."""
        blobs: list[Buffer] = list(files.values())
        tree = self._ledger.encode(dict(spec), blobs)
        return self._ask(Inspect(id=0, paths=list(files), spec=tree), blobs)

    def upload(self, files: Mapping[str, bytes]) -> str:
        """Write files into the worker's private disk and return the path of their folder there."""
        return str(self._ask(Upload(id=0, paths=list(files)), list(files.values())))

    def hold(self, instance: Instance, contents: Sequence[torch.Tensor | None] | None) -> object:
        """Read the memory of an object's tensors, after writing `contents` there; see `wire.Hold`."""
        self._require_own(instance)
        blobs: list[Buffer] = []
        tree = self._ledger.encode(None if contents is None else list(contents), blobs)
        return self._ask(Hold(id=0, handle=instance._handle, contents=tree), blobs)

    def settle(self) -> None:
        """End a test: drop its handles and generators, and make sure that nothing unasked-for is waiting."""
        self.inference, self.observers = False, []
        self._ledger.forget()
        self._ask(Forget(id=0), [])
        self._received = 0

    def call(
        self,
        name: str,
        args: tuple[object, ...],
        kwargs: dict[str, object],
        instance: Instance | None = None,
        compiled: Compile | None = None,
    ) -> object:
        """Call a declared function or class, or a method of an instance, and return the checked answer.

        With `compiled`, a function is called through a torch.compile wrapper with these options.
        """
        if instance is not None:
            self._require_own(instance)
        blobs: list[Buffer] = []
        full_name = name if instance is None else f"{instance._cls}.{name}"
        timed = f"compiled {name}" if compiled else full_name
        question = Call(
            id=0,
            name=name,
            handle=None if instance is None else instance._handle,
            arguments=self._ledger.encode((args, kwargs), blobs),
            inference=self.inference,
            observe=bool(self.observers),
            compile=compiled,
        )
        seconds, begin = self._patience.seconds(timed), time.monotonic()
        try:
            value = self._ask(question, blobs, seconds)
        except Killed as error:
            took = time.monotonic() - begin
            if error.reason is Reason.WALL and took >= seconds:  # else the whole job's time was up
                error.seconds = seconds
                self._patience.lose(timed)
            elif error.reason is Reason.CPU and took >= seconds / 2:
                self._patience.lose(timed)
            raise
        self._patience.answered(timed, time.monotonic() - begin)
        if self.record is not None:
            self.record(full_name, value)
        return value

    def _require_own(self, instance: Instance) -> None:
        if not self._ledger.owns(instance):
            raise TypeError(f"{instance!r} belongs to another worker or to an earlier test")

    def _call_method(
        self, instance: Instance, name: str, args: tuple[object, ...], kwargs: dict[str, object]
    ) -> object:
        return self.call(name, args, kwargs, instance)

    def _error(self, answer: Raise) -> Exception:
        if answer.kind == "violation":
            return Violation([answer.message])
        steps = tuple(checked_steps(answer.frames, self._files))
        if answer.kind == "answer":
            return AnswerError(answer.message, steps)
        return StudentError(answer.kind, answer.type_name, answer.mro, answer.message, steps)

    # ------------------------------------------------------------------------------- conversation
    def _ask(self, question: Message, blobs: Sequence[Buffer], seconds: float | None = None) -> object:
        """Ask one question and return the answer's value. Raises what the answer says.

        It has `seconds`, or as long as any call.
        """
        seconds = self._limits.call if seconds is None else seconds
        if self._asking:
            raise RuntimeError("an exposed object cannot call the student, who is waiting for it")
        question.id = secrets.randbits(63)
        self._asking = True
        try:
            answer, value, failure = self._guarded(lambda: self._converse(question, blobs), seconds)
        finally:
            self._asking = False
        self.graphs += answer.graphs
        if answer.evidence is not None:
            for observer in self.observers:
                observer.append(answer.evidence)
        if failure is not None:
            raise failure
        if answer.violations:
            raise Violation(answer.violations)
        if isinstance(answer, Raise):
            raise self._error(answer)
        return value

    def _guarded(self, exchange: Callable[[], T], seconds: float) -> T:
        """Run one exchange. Whatever breaks it off ends the session: the next answer would be a guess."""
        if self._ended is not None:
            raise self._ended
        try:
            with self._line.deadline(seconds):
                return exchange()
        except ProtocolError as error:
            self._line.kill()
            self._ended = Killed(Reason.PROTOCOL, str(error))
            raise self._ended from error
        except Killed as error:
            self._ended = error
            raise
        except BaseException as error:
            self._line.kill()
            self._ended = UngradedError(f"the conversation with the worker broke off: {error!r}")
            raise

    def _converse(
        self, question: Message, blobs: Sequence[Buffer]
    ) -> tuple[Return | Raise, object, Exception | None]:
        """Send a question, serve callbacks, and return the answer, its value, and a callback's failure."""
        self._line.send(pack(question, blobs))
        failure: Exception | None = None
        while True:
            answer = read_message(self._line.receive_into, answer_decoder, self._frames)
            if answer.id != question.id or isinstance(answer, Ready):
                raise ProtocolError("an answer to a question that was not asked")
            if isinstance(answer, Callback):
                failure = self._call_back(answer, failure)
                continue
            if isinstance(answer, Raise):
                if answer.blobs:
                    raise ProtocolError("data that belongs to no value")
                return answer, None, failure
            self._take_in(answer, answer.value)
            return answer, self._ledger.decode(answer.value, self._read_blobs(answer)), failure

    def _take_in(self, answer: Return | Callback, nodes: Sequence[object]) -> None:
        """Count what is about to be read: within one test no more than the job itself may hold."""
        self._received += sum(answer.blobs) + NODE_BYTES * len(nodes)
        if self._received > self._limits.memory << 20:
            self._line.kill()
            raise Killed(Reason.MEMORY, f"sent more than {self._limits.memory} MiB within one test")

    def _read_blobs(self, answer: Message) -> list[Blob]:
        return read_blobs(self._line.receive_into, answer)

    def _call_back(self, call: Callback, failure: Exception | None) -> Exception | None:
        """Let the student call an exposed object, and reply. After a failure every call is refused."""
        target = self._ledger.exposed(call.target)
        if call.method not in target.methods:
            raise ProtocolError("a call of a method that is not exposed")
        failure = failure or target.admit(count_values(call.arguments, call.blobs))
        blobs: list[Buffer] = []
        tree: list[QuestionNode] = [None]
        if failure is not None:
            skip_blobs(self._line.receive_into, call)
        else:
            self._take_in(call, call.arguments)
            args, kwargs = _arguments(self._ledger.decode(call.arguments, self._read_blobs(call)))
            try:
                tree = self._ledger.encode(target.call(call.method, args, kwargs), blobs)
            except Exception as error:  # told to the test once the student has returned
                failure, blobs = error, []
        refusal = (
            None if failure is None else str(failure)[:4096] if isinstance(failure, WrongAnswer) else BROKEN
        )
        self._line.send(pack(Reply(id=call.id, value=tree, error=refusal), blobs))
        return failure

    def _read_ready(self) -> None:
        answer = read_message(self._line.receive_into, answer_decoder, self._frames)
        if not isinstance(answer, Ready) or answer.blobs:
            raise ProtocolError("an answer before the first question")


def _arguments(value: object) -> tuple[list[object], dict[str, object]]:
    match value:
        case (list() as args, dict() as kwargs) if isinstance(value, tuple) and all(
            type(key) is str for key in kwargs
        ):
            return args, kwargs
    raise ProtocolError("arguments that are no arguments")
