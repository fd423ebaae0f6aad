"""The warm process of tier A: behind the outer wall, libraries imported, forked once per job.

Started by the trusted side as `python -I -S template.py CONTROL SLOT` with an empty environment and a
`Launch` on standard input. Two processes remain: a *guard* outside the PID namespace, which ends when
the slot does, and the template, which is PID 1 inside, so that its death ends everything else there.

Per job the trusted side sends a `JobSpec` and descriptors over the control socket; the template forks
an *init* (PID 1 of the job) which forks the *worker*. A student's files never pass through here:
they travel over the worker's own socket, of which the template keeps no copy.
"""

from __future__ import annotations

import array
import contextlib
import os
import select
import signal
import socket
import sys
from typing import NoReturn

if __name__ == "__main__":  # -I -S: nothing is importable yet but the standard library
    sys.path.append(__file__.rsplit("/grader/inside/", 1)[0])

from grader.inside import confine, toolchain, view
from grader.inside.job import Serve, run_init
from grader.inside.spec import Launch, load_job, load_launch
from grader.inside.warm import warm_up

_MESSAGE = 64 << 10
_DESCRIPTORS = 32
_OUTSIDE = (
    confine.NEWNS | confine.NEWPID | confine.NEWNET | confine.NEWIPC | confine.NEWUTS | confine.NEWCGROUP
)


def main(control: int, slot: int) -> NoReturn:
    """Confine this process, import what jobs need, and fork a worker per request."""
    launch = load_launch(sys.stdin.buffer.read())
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    confine.close_all_except({0, 1, 2, control, slot})
    enter_outer_wall(launch, control, slot)
    sock = socket.socket(fileno=control)
    with view.filling_headers() if toolchain.wanted(launch.preload) else contextlib.nullcontext():
        serve = warm_up(launch, view.SCRATCH)
    sock.send(b"ready")
    answer_requests(sock, launch, serve)


def enter_outer_wall(launch: Launch, control: int, slot: int) -> None:
    """Leave the machine's namespaces; returns in PID 1 of the new ones, which holds one capability."""
    root = os.geteuid() == 0
    if root:  # a second stage: the unprivileged uid could not even see an interpreter in a 0700 home
        confine.unshare(confine.NEWNS)
        view.enter(launch)
        confine.drop_uid(launch.uid)
    confine.unshare_user(_OUTSIDE)
    lifeline, guards_end = os.pipe()
    child = os.fork()
    if child:
        confine.close_all_except({2, slot, guards_end})
        confine.set_dumpable(False)
        watch(slot, child)
    os.close(slot)
    os.close(guards_end)
    if root:
        view.mount_proc()
    else:
        view.enter(launch)
    socket.sethostname("grader")
    os.setsid()
    confine.keep_only_capabilities(confine.CAP_SYS_ADMIN)
    confine.set_dumpable(False)
    confine.forbid_new_privileges()
    confine.die_with_parent()
    if select.select([lifeline], [], [], 0)[0]:
        os._exit(1)  # the guard died before we asked to die with it
    os.close(lifeline)


def watch(slot: int, child: int) -> NoReturn:
    """Wait in the guard for the end of the slot or of the template; the second follows the first."""
    template = os.pidfd_open(child)
    ended, _, _ = select.select([slot, template], [], [])
    if template not in ended:
        signal.pidfd_send_signal(template, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def assert_forkable() -> None:
    """Insist on what makes a fork of this process sound: one thread, and no CUDA context."""
    if (threads := confine.status_field("Threads")) != "1":
        raise RuntimeError(f"the template has {threads} threads; a preloaded module started one")
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        raise RuntimeError("the template has initialised CUDA, which cannot be forked")


def answer_requests(control: socket.socket, launch: Launch, serve: Serve) -> NoReturn:
    """Fork one job per request, and answer with a pidfd of its init; ends when the slot closes."""
    own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps; how a job ended is told by its init
    while True:
        message, ancillary, _, _ = control.recvmsg(_MESSAGE, socket.CMSG_SPACE(4 * _DESCRIPTORS))
        if not message:
            os._exit(0)
        descriptors = array.array("i")
        for _, _, data in ancillary:
            descriptors.frombytes(data)
        try:
            pidfd = fork_job(message, launch, serve, list(descriptors))
            socket.send_fds(control, [b"forked"], [pidfd])
            os.close(pidfd)
        except (OSError, RuntimeError) as problem:
            control.send(f"{type(problem).__name__}: {problem}"[:4000].encode())
        finally:
            confine.setns(own, confine.NEWPID)  # else the next unshare would be refused
            for fd in descriptors:
                os.close(fd)


def fork_job(message: bytes, launch: Launch, serve: Serve, descriptors: list[int]) -> int:
    """Fork the init of a job as PID 1 of a new PID namespace and return a pidfd of it."""
    assert_forkable()
    confine.unshare(confine.NEWPID)
    child = os.fork()
    if child == 0:
        run_init(load_job(message), launch, serve, descriptors)
    return os.pidfd_open(child)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
