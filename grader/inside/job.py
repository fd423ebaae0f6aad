"""The processes of one job: an init that reaps and reports, and the worker for the student's code."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

from grader.inside import confine, jail, selfprobe
from grader.inside.spec import EXIT_NOT_CONFINED, WORK, JobSpec, Launch

# Called with the worker's socket, and the folders besides the current one in which the job may write.
Serve = Callable[[socket.socket, Sequence[str]], object]

EXIT_SERVE_FAILED = 70


def run_init(job: JobSpec, launch: Launch, serve: Serve, descriptors: list[int]) -> NoReturn:
    """Be PID 1 of a job: fork the worker, reap whatever is orphaned, report how the worker ended.

    Without it the student's code would be PID 1 itself, which ignores its own SIGKILL and SIGABRT.
    `descriptors`: socket, stdout, stderr, status pipe, then the cgroups to join.
    """
    sock, output, error, status, *cgroups = descriptors
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # no handler: PID 1 cannot be signalled from inside
        worker = os.fork()
        if worker == 0:
            join(cgroups)
            jail.take_stdio(output, error)
            confine.close_all_except({0, 1, 2, sock, status})
            os.setsid()
            run_worker(job, launch, serve, sock, status)
        confine.close_all_except({status})
        confine.keep_only_capabilities()
        report_end(worker, status)
    except Exception as problem:
        os.write(status, f"failed in init: {problem}\n".encode())
    finally:
        os._exit(0)  # ends every process that is left in the namespace


def join(cgroups: list[int]) -> None:
    """Enter the cgroups; the kernel checks the rights of who opened them, the trusted side."""
    for cgroup in cgroups:
        os.write(cgroup, b"0")


def report_end(worker: int, status: int) -> None:
    """Reap children until `worker` has ended, then write its wait status to the status pipe."""
    while True:
        ended, code = os.wait()
        if ended == worker:
            os.write(status, b"ended %d\n" % code)
            return


def run_worker(job: JobSpec, launch: Launch, serve: Serve, sock: int, status: int) -> NoReturn:
    """Confine this process, prove it, say so on the status pipe, and serve the socket."""
    try:
        found = confine_worker(job, launch, sock, status)
        if found:
            os.write(status, f"failed {'; '.join(found)[:3000]}\n".encode())
            os._exit(EXIT_NOT_CONFINED)
        os.write(status, b"ready\n")
        os.close(status)
        serve(socket.socket(fileno=sock), jail.scratch_folders(job))
    except BaseException:
        with contextlib.suppress(BaseException):
            os.write(2, traceback.format_exc().encode("utf-8", "backslashreplace"))
    finally:
        os._exit(EXIT_SERVE_FAILED)


def confine_worker(job: JobSpec, launch: Launch, sock: int, status: int) -> list[str]:
    """Take every step of the confinement and return what the self-probe objects to."""
    try:
        if launch.tier == "A":
            jail.mount_own_world(job, launch)
        os.chdir(f"{jail.scratch_of(job)}/{WORK}")
        os.environ.clear()
        os.environ.update(jail.environment(job, launch))
        os.set_inheritable(sock, False)
        jail.set_limits(job, launch)
        if launch.tier == "none":
            return []
        jail.restrict(job, launch)
        return selfprobe.problems(job, launch, {sock, status})
    except Exception as problem:
        return [f"{type(problem).__name__}: {problem}"]
