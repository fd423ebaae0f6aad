"""The confined end of the conversation: load a submission, answer calls until the judge hangs up.

One worker has one submission. Only known mistakes of the course's own are loaded one after another.
"""

from __future__ import annotations

import importlib
import os
import random
import shutil
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch

from grader.inside import compiling, doors, names
from grader.inside.evidence import Observation
from grader.inside.failure import describe, unusable
from grader.inside.guard import Guard
from grader.inside.held import Held
from grader.inside.objects import Objects
from grader.inside.rules import Rules
from grader.inside.sources import Sources
from grader.inside.values import Unsendable
from grader.inside.wire import (
    ANSWER_LIMITS,
    MAX_NODES,
    QUESTION_LIMITS,
    Answer,
    Blob,
    Buffer,
    Call,
    Callback,
    Evidence,
    Forget,
    Hold,
    Inspect,
    Load,
    ProtocolError,
    Question,
    Raise,
    Ready,
    Reply,
    Return,
    Upload,
    pack,
    question_decoder,
    read_frame,
)

_UPLOADS = "uploads"
_TOGETHER = 256 << 10  # bytes of an answer that are copied to be sent at once


def serve(sock: socket.socket, scratch: Sequence[str] = ()) -> NoReturn:
    """Answer the judge's questions on this socket, then end the process.

    The student's code may write in the current folder, and in those that `scratch` names.
    """
    sys.dont_write_bytecode = True
    status = 0
    try:
        worker = _Worker(sock, Path.cwd(), scratch)
        worker.send(Ready(id=0))
        while True:
            worker.answer()
    except ConnectionError:
        pass  # the judge has hung up
    except BaseException:  # nothing may run after this: no atexit, no other thread
        with suppress(BaseException):
            sys.excepthook(*sys.exc_info())
        status = 70
    os._exit(status)


class _Worker:
    def __init__(self, sock: socket.socket, home: Path, scratch: Sequence[str]) -> None:
        self._sock = sock
        self._home = home  # the student's code may change the current folder
        self._folders = [str(home), *scratch]
        self._objects = Objects(self._call_back)
        self._rules = Rules()
        self._wrappers = compiling.Wrappers()
        self._held: dict[int, Held] = {}
        self._functions: dict[str, Any] = {}
        self._methods: Mapping[str, Sequence[str]] = {}
        self._sources: dict[str, bytes] = {}  # by absolute path, where there is none of them
        self._modules = Sources()
        self._header = ANSWER_LIMITS.header  # largest answer the judge will read
        self._answering: int | None = None  # id of the question, for callbacks
        self._turn = threading.Lock()  # one callback at a time
        self._uploads = 0

    # ---------------------------------------------------------------------------------- transport
    def send(self, answer: Answer, blobs: Sequence[Buffer] = ()) -> None:
        buffers = pack(answer, blobs)
        if sum(map(len, buffers)) <= _TOGETHER:  # the judge would wake for each
            buffers = [b"".join(buffers)]
        for buffer in buffers:
            self._sock.sendall(buffer)

    def _receive_into(self, view: memoryview) -> None:
        while view:
            count = self._sock.recv_into(view)
            if not count:
                raise ConnectionResetError
            view = view[count:]

    def _read(self) -> tuple[Question, list[Blob]]:
        try:
            return read_frame(self._receive_into, question_decoder, QUESTION_LIMITS)
        except ProtocolError as error:
            if isinstance(error.__cause__, RecursionError):  # of the student's code, which waits for a reply
                raise error.__cause__ from None
            raise

    # ------------------------------------------------------------------------------------ answers
    def answer(self) -> None:
        """Read one question and answer it with exactly one Return or Raise."""
        question, blobs = self._read()
        if isinstance(question, Reply):
            return  # the student's code did not wait for it: out of stack, most likely
        self._answering = question.id
        graphs = compiling.graphs()
        evidence: list[Evidence] = []
        try:
            value = self._do(question, blobs, evidence)
        except BaseException as error:  # SystemExit and the like are the student's, too
            answer: Return | Raise = self._describe(question.id, error)
            out: list[Buffer] = []
        else:
            answer, out = self._return(question.id, value)
        with self._turn:  # a thread of the student's may still wait for a reply
            self._answering = None
        _flush()
        answer.evidence = evidence[0] if evidence else None
        answer.violations = self._rules.take()
        answer.graphs = min(max(0, compiling.graphs() - graphs), MAX_NODES)
        self.send(answer, out)

    def _return(self, id_: int, value: object) -> tuple[Return | Raise, list[Buffer]]:
        try:
            nodes, blobs = self._objects.encode(value)
            answer = Return(id=id_, value=nodes)
            if len(pack(answer, blobs)[0]) + 4096 > self._header:
                raise Unsendable("more values than fit into one answer")
        except Unsendable as error:
            return unusable(id_, str(error)), []
        except BaseException as error:  # reading a hostile value may raise anything
            failure = self._describe(id_, error)
            return (unusable(id_, "something unreadable") if failure.kind == "error" else failure), []
        return answer, blobs

    def _describe(self, id_: int, error: BaseException) -> Raise:
        return describe(id_, error, sys.exc_info()[2], self._sources, str(self._home))

    def _do(self, question: Question, blobs: Sequence[Blob], evidence: list[Evidence]) -> object:
        if isinstance(question, Call):
            return self._call(question, blobs, evidence)
        if isinstance(question, Load):
            return self._load(question, blobs)
        if isinstance(question, Upload):
            return self._upload(question, blobs)
        if isinstance(question, Inspect):
            return self._inspect(question, blobs)
        if isinstance(question, Hold):
            return self._hold(question, blobs)
        if isinstance(question, Forget):
            self._forget()
            return None
        raise RuntimeError("not a question")

    # ----------------------------------------------------------------------------------- loading
    def _load(self, load: Load, blobs: Sequence[Blob]) -> list[str]:
        """Import the solution and return the declared names it has.

        A second one, of the judge's own, takes the place of the first; the rules stay.
        """
        files = dict(zip(load.paths, (blob.tobytes() for blob in blobs), strict=True))
        sources = {str(self._home / path): content for path, content in files.items()}
        _seed(load.seed)
        first = not self._sources
        if first:
            self._header, self._objects.payload = load.answer_header, load.answer_payload
            self._modules.install()
        else:
            self._make_way(load.module, sources)
        self._sources = sources
        self._modules.replace(files, self._home)
        if first:
            self._restrict(load)
        module = importlib.import_module(load.module)
        found = vars(module)
        self._functions = {n: found[n] for n in load.functions if callable(found.get(n))}
        self._objects.classes = {n: found[n] for n in load.classes if isinstance(found.get(n), type)}
        self._methods = load.classes
        return [*self._functions, *self._objects.classes]

    def _restrict(self, load: Load) -> None:
        """Hold the submission to the exercise's policy from now on."""
        compiles = load.opened is None or compiling.COMPILE in load.opened
        self._rules = Rules(load.poison, load.banned, compiles=compiles)
        if load.opened is not None:
            rules = doors.Rules(load.opened, load.names, load.banned)
            self._modules.names = names.held(rules, load.poison, self._rules.refuse)
            Guard(self._sources, load.opened, self._folders, self._modules.made, self._rules.refuse)
            compiling.close(load.opened, self._rules.refuse)

    def _make_way(self, module: str, sources: Mapping[str, bytes]) -> None:
        """Forget the last solution for one that differs in nothing but the exercise's own module."""
        own = str(self._home / f"{module.replace('.', '/')}.py")
        if {path for path, content in self._sources.items() if sources.get(path) != content} - {own}:
            raise RuntimeError("a second solution differs in more than its module")
        self._forget()
        sys.modules.pop(module, None)
        shutil.rmtree(self._home / _UPLOADS, ignore_errors=True)

    def _forget(self) -> None:
        self._objects.forget()
        self._wrappers.forget()
        self._held.clear()

    def _upload(self, upload: Upload, blobs: Sequence[Blob]) -> str:
        folder = self._home / _UPLOADS / str(self._uploads)
        self._uploads += 1
        _write(folder, dict(zip(upload.paths, (blob.tobytes() for blob in blobs), strict=True)))
        return str(folder)

    def _hold(self, hold: Hold, blobs: Sequence[Blob]) -> list[torch.Tensor | None]:
        if hold.handle not in self._held:
            self._held[hold.handle] = Held(self._objects.instance(hold.handle)[0])
        held, contents = self._held[hold.handle], self._objects.decode(hold.contents, blobs)
        if isinstance(contents, list):
            held.write(contents)
        return held.read()

    def _inspect(self, inspect: Inspect, blobs: Sequence[Blob]) -> object:
        from grader.inside import policy  # only workers that run no student code need it

        sources = dict(zip(inspect.paths, (blob.tobytes() for blob in blobs), strict=False))
        spec: Any = self._objects.decode(inspect.spec, blobs)  # its bytes stand behind the sources
        return policy.inspect(sources, spec)

    # ------------------------------------------------------------------------------------- calls
    def _call(self, call: Call, blobs: Sequence[Blob], evidence: list[Evidence]) -> object:
        arguments: Any = self._objects.decode(call.arguments, blobs)
        args, kwargs = arguments
        target = self._target(call)
        seen = Observation(target, args, kwargs, self._folders) if call.observe else None
        try:
            with torch.inference_mode() if call.inference else nullcontext():
                return target(*args, **kwargs)
        finally:
            if seen is not None:
                evidence.append(seen.compare())

    def _target(self, call: Call):  # type: ignore[no-untyped-def]  # noqa: ANN202
        if call.compile is not None:
            return self._wrappers.get(call.name, self._functions[call.name], call.compile)
        if call.handle is None:
            return self._functions.get(call.name) or self._objects.classes[call.name]
        instance, cls = self._objects.instance(call.handle)
        if call.name not in self._methods[cls]:
            raise RuntimeError(f"{cls}.{call.name} is not declared")
        if call.name == "__call__":
            return instance
        if call.name == "__len__":
            return lambda: len(instance)  # type: ignore[arg-type]
        return getattr(instance, call.name)

    def _call_back(
        self, target: int, method: str, args: tuple[object, ...], kwargs: dict[str, object]
    ) -> object:
        """Ask the judge to call one of its objects. The student's code waits for the reply."""
        with self._turn:
            if self._answering is None or not self._objects.lent(target):
                raise RuntimeError("this object cannot be used after the call it was given to")
            nodes, blobs = self._objects.encode((list(args), kwargs))
            self.send(Callback(id=self._answering, target=target, method=method, arguments=nodes), blobs)
            reply, reply_blobs = self._read()
            if not isinstance(reply, Reply):
                raise RuntimeError("the judge asks before it has answered")
            if reply.error is not None:
                raise RuntimeError(reply.error)
            return self._objects.decode(reply.value, reply_blobs)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _seed(seed: int) -> None:
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # the global generator is the one students use


def _flush() -> None:
    """Send what the call has printed on its way, so that it belongs to this call."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(BaseException):  # the student may have put anything there
            stream.flush()
