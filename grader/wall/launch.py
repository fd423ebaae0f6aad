"""Open confined workers: warm forks of a template (tier A), or a fresh process each (C and none)."""

from __future__ import annotations

import contextlib
import itertools
import os
import resource
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from grader.errors import UngradedError, WallError
from grader.inside import confine, spec
from grader.job import Limits
from grader.wall import scratch
from grader.wall.cgroup import JobCgroup, find_cgroups
from grader.wall.keeper import Keeper, LeashKeeper, NamespaceKeeper, StatusPipe, wait_for
from grader.wall.limits import ProcessTree, Usage, job_spec
from grader.wall.template import Template, TemplateError, start_python
from grader.wall.turns import Halt, Turns
from grader.wall.view import launch_for, package_directory
from grader.wall.worker import Worker

Tier = Literal["A", "C", "none"]

SERVE = "grader.inside.worker:serve"
_JOBS_PER_TEMPLATE = 1000  # workers; a new one costs some 4 s
_READY_SECONDS = 30.0  # from fork to proven confinement; 10 ms where nothing is wrong
_COLD_SECONDS = 120.0  # the same with all imports on a busy machine
_SOCKET_BYTES = 4 << 20


class _Ends:
    """The descriptors of one job: ours to keep, theirs to pass on and close."""

    def __init__(self) -> None:
        self.sock, self.their_sock = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        for end in (self.sock, self.their_sock):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BYTES)
        self.output, self.their_output = os.pipe()
        status, self.their_status = os.pipe()
        self.status = StatusPipe(status)

    @property
    def theirs(self) -> tuple[int, ...]:
        """Return socket, stdout, stderr and status pipe of the worker's side."""
        return (self.their_sock.fileno(), self.their_output, self.their_output, self.their_status)

    def close_theirs(self) -> None:
        """Close the worker's side, so that its end is seen as end of file."""
        self.their_sock.close()
        os.close(self.their_output)
        os.close(self.their_status)

    def close_ours(self) -> None:
        """Close our side of a job that never began."""
        self.sock.close()
        os.close(self.output)
        self.status.close()


class Wall:
    """The sandbox of one slot. Starting it returns at once; the first `open` waits for the imports."""

    def __init__(
        self,
        tier: Tier,
        preload: Sequence[str],
        device: str = "cpu",
        *,
        serve: str = SERVE,
        library: Path | None = None,
        files: Sequence[Path] = (),
    ) -> None:
        self.tier: Tier = tier
        self._launch = launch_for(tier, preload, device, serve, library, files)
        _allow_descriptors()
        self._cgroups = find_cgroups()
        self._cgroups.sweep()
        scratch.sweep()
        self.memory_limit = "cgroup" if self._cgroups.memory else "approximate"
        self._template = Template(self._launch) if tier == "A" else None
        self._jobs = itertools.count(1)
        self._open: list[Worker] = []
        self._turns = Turns()

    def open(self, limits: Limits) -> Worker:
        """Return a worker that has proved its confinement and read nothing yet.

        Raises WallError when a worker cannot be confined here, UngradedError when the template died
        twice in a row.
        """
        self._turns.take(None)  # nothing of a student's runs meanwhile
        if self._template is None:
            return self._open_cold(limits)
        if next(self._jobs) >= _JOBS_PER_TEMPLATE and all(w.gone for w in self._open):
            self._restart()
        try:
            return self._open_warm(limits)
        except TemplateError:
            self._restart()
        try:
            return self._open_warm(limits)
        except TemplateError as problem:
            raise UngradedError(f"the template of the wall died twice: {problem}") from problem

    def close(self) -> None:
        """End every worker and the template; nothing of them is alive afterwards."""
        with contextlib.ExitStack() as stack:  # everything is tried, and the first failure is raised
            if self._template:
                stack.callback(self._template.close)
            for worker in self._open:
                stack.callback(worker.kill)

    def __enter__(self) -> Wall:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _restart(self) -> None:
        """Replace the template; open workers end with the old one."""
        assert self._template
        self._template.close()
        self._template = Template(self._launch)
        self._jobs = itertools.count(1)

    def _open_warm(self, limits: Limits) -> Worker:
        assert self._template
        self._template.wait_until_ready()
        ends = _Ends()
        cgroup = self._cgroups.make(limits)
        try:
            pidfd = self._template.fork(job_spec(limits), (*ends.theirs, *cgroup.procs))
        except BaseException:
            ends.close_theirs()
            ends.close_ours()
            cgroup.remove()
            raise
        return self._await_ready(ends, NamespaceKeeper(pidfd), cgroup, limits, "", _READY_SECONDS)

    def _open_cold(self, limits: Limits) -> Worker:
        ends = _Ends()
        cgroup = self._cgroups.make(limits)
        directory = scratch.make(self._launch.uid if self.tier == "C" and os.geteuid() == 0 else None)
        leash, our_leash = os.pipe()
        sock, output, _, status = ends.theirs
        slot = os.pidfd_open(os.getpid()) if hasattr(os, "pidfd_open") else -1
        descriptors = spec.Descriptors(sock, output, status, leash, slot, tuple(cgroup.procs))
        message = spec.dump(self._launch, job_spec(limits, directory), descriptors)
        passed = tuple(fd for fd in (sock, output, status, leash, slot, *cgroup.procs) if fd >= 0)
        process = start_python(package_directory() / "inside" / "cold.py", (), passed, message)
        for fd in {leash, slot} - {-1}:
            os.close(fd)
        keeper = LeashKeeper(process, our_leash)
        return self._await_ready(ends, keeper, cgroup, limits, directory, _COLD_SECONDS)

    def _await_ready(
        self, ends: _Ends, keeper: Keeper, cgroup: JobCgroup, limits: Limits, directory: str, seconds: float
    ) -> Worker:
        """Wait for the self-probe; a worker that did not pass it is ended and never spoken to."""
        ends.close_theirs()
        cgroup.close()
        tree = ProcessTree(keeper.pid())
        usage, halt = Usage(limits, cgroup, tree, directory), Halt(cgroup, tree)
        worker = Worker(
            ends.sock, [ends.output], ends.status, keeper, cgroup, usage, limits,
            on_stuck=self._abandon, clean_up=lambda: scratch.remove(directory), halt=halt, turns=self._turns,
            is_sound=self._is_sound,
        )  # fmt: skip
        self._open = [w for w in self._open if not w.gone]
        self._open.append(worker)  # so that `close` ends it, too, if the wait is interrupted
        told = wait_for(ends.status, lambda: ends.status.ready or ends.status.failure is not None, seconds)
        if not ends.status.ready:
            worker.kill()
            problem = ends.status.failure or ("no answer in time" if told else "it ended without a word")
            raise WallError(f"a worker could not be confined (tier {self.tier}): {problem}{_hint(worker)}")
        self._turns.take(halt)
        worker.start()
        return worker

    def _is_sound(self) -> bool:
        """Say whether what is above the workers still lives."""
        return self._template is None or self._template.alive

    def _abandon(self) -> None:
        """End the template with everything in it, when a single job cannot be ended."""
        if self._template:
            self._restart()


def _allow_descriptors() -> None:
    """Take all descriptors we may: those on their way between jobs of our user count against ours."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def die_with_parent() -> None:
    """End this process when the one that forked it ends: a slot without its scheduler is of no use."""
    if sys.platform == "linux":
        confine.die_with_parent()


def _hint(worker: Worker) -> str:
    text = worker.take_output().strip()
    return f"\n{text}" if text else ""
