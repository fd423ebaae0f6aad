"""A job without namespaces: one fresh process per job, for tier C and for `--no-sandbox`.

Started as `python -I -S cold.py` with an empty environment and `Launch`, `JobSpec` and `Descriptors`
on standard input. The first process stays as the *keeper*: every descendant of the worker, however
often forked and detached, becomes its child, and it ends none too late what is left of them.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

if __name__ == "__main__":  # -I -S: nothing is importable yet but the standard library
    sys.path.append(__file__.rsplit("/grader/inside/", 1)[0])

from grader.inside import confine, jail, view
from grader.inside.job import join, run_worker
from grader.inside.spec import Descriptors, JobSpec, Launch, load_descriptors, load_job, load_launch
from grader.inside.warm import warm_up

_LINUX = sys.platform == "linux"


def main() -> NoReturn:
    """Confine this process, fork the worker, and stay behind to clean up after it."""
    message = sys.stdin.buffer.read()
    launch, job, ours = load_launch(message), load_job(message), load_descriptors(message)
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    worker = 0
    try:
        if launch.tier == "C" and os.geteuid() == 0:
            job = _leave_root(launch, job)
        if _LINUX:
            confine.become_subreaper()
        wakeup, waker = os.pipe()
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        worker = os.fork()
        if worker == 0:
            _start_worker(launch, job, ours)
        for fd in (ours.sock, ours.output, *ours.cgroups):
            os.close(fd)
        _keep(worker, ours, wakeup)
    except Exception as problem:
        os.write(ours.status, f"failed in the keeper: {problem}\n".encode())
    finally:
        if _LINUX:
            _end_descendants()
        elif worker:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(worker, signal.SIGKILL)  # who left this group is not found: tier none only
        os._exit(0)


def _leave_root(launch: Launch, job: JobSpec) -> JobSpec:
    """Drop to the unprivileged uid, behind mounts of our own where root may still make them."""
    try:
        confine.unshare(confine.NEWNS)
    except PermissionError:
        confine.drop_uid(launch.uid)
        if not os.access(os.__file__, os.R_OK):  # in a home of root's, say
            raise PermissionError(
                f"only root can read {Path(os.__file__).parent}: grade as another user"
            ) from None
        return job
    view.enter(launch)
    jail.mount_scratch(job, launch, launch.uid)
    confine.drop_uid(launch.uid)
    return replace(job, directory=view.SCRATCH)


def _start_worker(launch: Launch, job: JobSpec, ours: Descriptors) -> NoReturn:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    try:
        os.setsid()
        join(list(ours.cgroups))
        jail.take_stdio(ours.output, ours.output)
        if _LINUX:
            confine.close_all_except({0, 1, 2, ours.sock, ours.status})
        serve = warm_up(launch, jail.scratch_of(job))
        if _LINUX:
            confine.die_with_parent()
    except Exception as problem:
        os.write(ours.status, f"failed to start: {type(problem).__name__}: {problem}\n".encode())
        os._exit(1)
    run_worker(job, launch, serve, ours.sock, ours.status)


def _keep(worker: int, ours: Descriptors, wakeup: int) -> None:
    """Wait until the worker has ended, and say how, or until the trusted side lets go of the leash."""
    orders = {fd for fd in (ours.leash, ours.slot) if fd >= 0}
    while True:
        ready, _, _ = select.select([*orders, wakeup], [], [])
        if orders.intersection(ready):
            return
        os.read(wakeup, 64)
        for pid, status in _reap():
            if pid == worker:
                os.write(ours.status, b"ended %d\n" % status)
                return


def _reap() -> list[tuple[int, int]]:
    ended = []
    with contextlib.suppress(ChildProcessError):
        while (child := os.waitpid(-1, os.WNOHANG))[0]:
            ended.append(child)
    return ended


def _end_descendants() -> None:
    """Stop all descendants until no new one appears, so that none can fork away; then end them."""
    stopped: set[int] = set()
    while new := _descendants(os.getpid()) - stopped:
        _signal_all(new, signal.SIGSTOP)
        stopped |= new
    while living := _descendants(os.getpid()):
        _signal_all(living, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(-1, 0)
        _reap()


def _signal_all(pids: set[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _descendants(root: int) -> set[int]:
    """Return the pids below `root`, found by the parent's pid in every /proc/PID/stat."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = (entry / "stat").read_bytes().rpartition(b")")[2].split()[1]
                children.setdefault(int(parent), []).append(int(entry.name))
    found: set[int] = set()
    queue = [root]
    while queue:
        below = children.get(queue.pop(), [])
        found.update(below)
        queue.extend(below)
    return found


if __name__ == "__main__":
    main()
