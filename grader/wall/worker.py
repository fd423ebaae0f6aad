"""One confined process, seen from the trusted side.

Whoever waits for the worker's socket also drains what the job prints, watches its clock and its usage,
and turns whatever ends it into one `Killed` with a reason. Only where no kernel limit bounds its memory,
a `Watch` looks after it the rest of the time, too.
"""

from __future__ import annotations

import contextlib
import math
import os
import selectors
import signal
import socket
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NoReturn

from grader.errors import UngradedError
from grader.job import Limits, Reason
from grader.wall.cgroup import JobCgroup
from grader.wall.keeper import Keeper, Status
from grader.wall.limits import Usage
from grader.wall.output import Output
from grader.wall.turns import Halt, Turns
from grader.wall.watch import Watch

_TICK = 0.1  # seconds between two looks at the usage
_LAST_WORDS = 1.0  # seconds to wait for the status of a worker whose socket has closed
_KIB = 1 << 10
_PIPE_READS = 4  # a pipe holds 64 KiB, which one read may take
_SEND_AT_ONCE = 64  # buffers handed to the kernel in one call, far below its limit
_SOCK: Final = "socket"
_OUT: Final = "output"


class Killed(Exception):  # noqa: N818 - the word of architecture.md
    """The worker was stopped for exceeding a limit, or ended by itself."""

    def __init__(self, reason: Reason, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        self.seconds: float | None = None  # what the call had, where it took too long
        super().__init__(f"{reason}: {detail}")


class Worker:
    """A confined process that has proved its confinement and read nothing yet."""

    def __init__(
        self,
        sock: socket.socket,
        outputs: Sequence[int],
        status: Status,
        keeper: Keeper,
        cgroup: JobCgroup,
        usage: Usage,
        limits: Limits,
        on_stuck: Callable[[], None],
        clean_up: Callable[[], None],
        halt: Halt | None = None,
        turns: Turns | None = None,
        is_sound: Callable[[], bool] = lambda: True,
    ) -> None:
        self._sock = sock
        self._outputs = list(outputs)
        self._status = status
        self._keeper = keeper
        self._cgroup = cgroup
        self._usage = usage
        self._limits = limits
        self._on_stuck = on_stuck
        self._clean_up = clean_up
        self._halt = halt
        self._turns = turns
        self._is_sound = is_sound  # whether what is above the job lives
        self._printed = Output()
        self._watch: Watch | None = None
        self._killed: Killed | None = None  # what every later call raises
        self._gone = False
        self._cpu = 0.0  # seconds, at the end
        self._waited = 0.0  # seconds spent on this worker in all
        self._deadline = math.inf  # of the call under way, on the monotonic clock
        self._end = math.inf  # of the whole job's time; it runs while we are at it only
        self._next_look = 0.0
        self._wanted = selectors.EVENT_READ
        self._selector = selectors.DefaultSelector()
        sock.setblocking(False)
        self._selector.register(sock, self._wanted, _SOCK)
        for fd in self._outputs:
            if not stat.S_ISREG(os.fstat(fd).st_mode):  # a file is looked into now and then
                os.set_blocking(fd, False)
                self._selector.register(fd, selectors.EVENT_READ, _OUT)

    # -------------------------------------------------------------- talking

    def send(self, buffers: Sequence[bytes | memoryview]) -> None:
        """Send the buffers one after another; raises `Killed` when the worker does not take them in time."""
        self._check()
        left = [view for b in buffers if (view := memoryview(b).cast("B")).nbytes]
        while left:
            try:
                sent = self._send_some(left)
            except (BlockingIOError, InterruptedError):
                self._wait(selectors.EVENT_WRITE)
                continue
            except ConnectionError:
                self._die()
            while sent:
                step = min(sent, left[0].nbytes)
                left[0] = left[0][step:]
                sent -= step
                if not left[0].nbytes:
                    left.pop(0)

    def _send_some(self, buffers: Sequence[memoryview]) -> int:
        """Hand to the kernel what it takes now; the number of bytes."""
        if not hasattr(self._sock, "sendmsg"):  # Windows
            return self._sock.send(buffers[0])
        return self._sock.sendmsg(buffers[:_SEND_AT_ONCE])

    def receive_into(self, view: memoryview) -> None:
        """Fill `view` with what the worker sends, or raise `Killed`."""
        self._check()
        view = view.cast("B")
        while view.nbytes:
            try:
                received = self._sock.recv_into(view)
            except (BlockingIOError, InterruptedError):
                self._wait(selectors.EVENT_READ)
                continue
            except ConnectionError:
                received = 0
            if not received:
                self._die()
            view = view[received:]

    @contextlib.contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """Bound everything inside the block; nested deadlines can only be shorter.

        All of its time is the job's: waiting for it, reading what it sends, doing what it asks for.
        """
        outer, begin = self._deadline, time.monotonic()
        outermost = self._end == math.inf
        if outermost:
            self._end = begin + self._limits.wall - self._waited
        self._deadline = min(outer, begin + seconds)
        try:
            yield
        finally:
            self._deadline = outer
            if outermost:
                self._end = math.inf
                self._waited += time.monotonic() - begin

    # -------------------------------------------------------------- looking

    def start(self) -> None:
        """Begin counting what the job uses: it is ready, and is about to read its first byte."""
        self._usage.start()
        self._watch = Watch(self._usage, self._put_down)

    @property
    def output(self) -> bytes:
        """Return what the job printed (stdout and stderr), beginning and end, since the last take."""
        return self._printed.kept

    def take_output(self) -> str:
        """Return what the job printed since the last call. Untrusted text: sanitise before showing."""
        if not self._gone:
            self._drain()
        return self._printed.take()

    @property
    def gone(self) -> bool:
        """Say whether the job has been ended."""
        return self._gone

    def cpu_seconds(self) -> float:
        """Return the CPU time of everything in the job, ended processes included; also after its end."""
        return self._cpu if self._gone else self._usage.cpu_seconds()

    @property
    def waited(self) -> float:
        """The seconds that the trusted side has spent on this worker: waiting for it, and serving it."""
        return self._waited

    # -------------------------------------------------------------- ending

    def kill(self) -> None:
        """End the job. On return nothing of it is alive and its scratch is gone. Can be called again."""
        if self._gone:
            return
        self._gone = True
        self._killed = self._killed or Killed(Reason.EXIT, "the worker has been closed")
        if self._watch:
            self._watch.stop()
        self._cpu = self._usage.cpu_seconds()
        dead = self._put_down()
        if not dead:
            self._cgroup.kill()
            self._on_stuck()
            dead = self._keeper.kill()
        with contextlib.suppress(OSError):
            self._drain()
        self._close()
        if not self._cgroup.remove() or not dead:
            raise UngradedError("processes of a job could not be ended; this machine needs a look")

    def _put_down(self) -> bool:
        """End all processes of the job; False if some may be alive."""
        if self._halt is not None:
            self._halt.end()
        return self._keeper.kill()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _close(self) -> None:
        self._selector.close()
        self._sock.close()
        self._status.close()
        self._keeper.close()
        for fd in self._outputs:
            os.close(fd)
        self._clean_up()

    # -------------------------------------------------------------- waiting

    def _check(self) -> None:
        """Raise `Killed` where the job has ended or is beyond a limit: no one waits for who always sends."""
        if self._killed:
            raise self._killed
        if self._turns is not None:
            self._turns.take(self._halt)
        self._check_limits()

    def _wait(self, event: int) -> None:
        """Wait until the socket is ready for `event`; raises `Killed` when a limit comes first."""
        if event != self._wanted:
            self._selector.modify(self._sock, event, _SOCK)
            self._wanted = event
        with self.deadline(math.inf):
            while not self._step():
                pass

    def _step(self) -> bool:
        """Do one round of waiting; say whether the socket may be ready."""
        left = min(self._deadline, self._end) - time.monotonic()
        ready = False
        for key, _ in self._selector.select(max(0.0, min(_TICK, left))):
            if key.data is _SOCK:
                ready = True
            else:
                self._drain_one(key.fd)
        self._check_limits()
        return ready

    def _check_limits(self) -> None:
        """End a job that has no time left, or has printed or used too much."""
        now = time.monotonic()
        if now >= min(self._deadline, self._end):
            in_all = "the whole job took" if self._end < self._deadline else "the call took"
            self._stop(Reason.WALL, f"{in_all} too long")
        look = now >= self._next_look
        if look:
            self._next_look = now + _TICK
            self._drain()
        if self._printed.total > self._limits.output * _KIB:
            self._stop(Reason.OUTPUT, f"printed more than {self._limits.output} KiB")
        if look and (exceeded := self._usage.exceeded()):
            self._stop(*exceeded)

    def _drain_one(self, fd: int) -> None:
        if self._printed.drain(fd) == 0:
            self._selector.unregister(fd)

    def _drain(self) -> None:
        """Take in what the pipes hold; bounded, because a writer may refill them all the time."""
        for fd in self._outputs:
            for _ in range(_PIPE_READS):
                if not self._printed.drain(fd):
                    break

    # -------------------------------------------------------------- why it ended

    def _stop(self, reason: Reason, detail: str) -> NoReturn:
        """End a job that exceeds a limit."""
        if reason is Reason.WALL and self._usage.many_processes():
            reason, detail = Reason.PROCESSES, f"started {self._limits.processes} processes or threads"
        self._fall(Killed(reason, detail))

    def _die(self) -> NoReturn:
        """End a job whose socket has closed: its worker ended, or goes on without us."""
        code = self._status.exit_code(_LAST_WORDS)
        if self._watch and self._watch.found:  # it may have ended, meanwhile, what is above the worker
            self._fall(Killed(*self._watch.found))
        swept_away = code == -getattr(signal, "SIGKILL", 9) and not self._is_sound()
        if swept_away or (code is None and self._status.closed):
            self.kill()
            raise UngradedError("the process above a worker was killed from outside")
        self._fall(self._obituary(code))

    def _fall(self, killed: Killed) -> NoReturn:
        self._killed = killed
        self.kill()
        raise killed

    def _obituary(self, code: int | None) -> Killed:
        """Say why the worker ended, from its exit code and its usage."""
        if code is None:
            return Killed(Reason.PROTOCOL, "closed its connection to the judge")
        if exceeded := self._usage.exceeded():
            return Killed(*exceeded)
        if code >= 0:
            return Killed(Reason.EXIT, f"ended its own process with exit code {code}")
        name = _signal_name(-code)  # compared by name: not every system knows these
        if name == "SIGXCPU":
            return Killed(Reason.CPU, f"used more than {self._limits.cpu:g} s of CPU time")
        if name == "SIGXFSZ":
            return Killed(Reason.SCRATCH, f"wrote a file of more than {self._limits.scratch} MiB")
        return Killed(Reason.SIGNAL, f"ended by {name}")


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
