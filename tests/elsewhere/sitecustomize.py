"""Make this Python lack what only Linux or only POSIX has, as far as other packages bear it.

Put on PYTHONPATH by tests/test_check.py, so that it is at work in every process before anything else is. What
the grader itself then imports or asks for fails loudly. It leaves a line in the file that MARK names.
"""

import builtins
import os
import select
import shutil  # noqa: F401  # this and the next look at some of the names once, when they are imported
import signal
import socket
import subprocess  # noqa: F401
import sys
import tempfile  # noqa: F401
import time
from pathlib import Path

NOT_ELSEWHERE = {
    os: """fork forkpty getuid geteuid getgid getegid setuid setgid setresuid setresgid getresuid getresgid
        setgroups getgroups setsid killpg chown lchown fchown chroot mkfifo mknod wait waitid wait3 wait4
        sysconf memfd_create pidfd_open eventfd sched_getaffinity sched_setaffinity sched_yield O_NOFOLLOW
        O_DIRECTORY O_CLOEXEC O_NONBLOCK O_NOCTTY O_PATH set_blocking pread pwrite statvfs nice
        getloadavg posix_fallocate prctl unshare setns""",
    socket: "AF_UNIX send_fds recv_fds SO_PEERCRED SCM_RIGHTS",
    signal: """SIGSTOP SIGCHLD SIGXCPU SIGXFSZ SIGALRM SIGHUP alarm setitimer pthread_sigmask
        pidfd_send_signal""",
    select: "poll epoll",
    time: "clock_gettime pthread_getcpuclockid",
}
UNKNOWN = {"fcntl", "resource", "termios", "pwd", "grp", "pty", "syslog"}
OURS = f"{os.sep}grader{os.sep}"

for module, names in NOT_ELSEWHERE.items():
    for name in names.split():
        vars(module).pop(name, None)
os.supports_dir_fd.clear()
os.supports_fd.clear()


def _uname():  # numpy asks for it
    if OURS in sys._getframe(1).f_code.co_filename:
        raise AttributeError("no os.uname on this system")
    return _real_uname()


def _absent(self):
    raise AttributeError("no such method on this system")


def _guarded(name, globals=None, *rest, **named):  # noqa: A002  # the name it is called with
    if name in UNKNOWN and OURS in (globals or {}).get("__file__", ""):
        sys.exit(f"{globals['__file__']} imports {name}, which does not exist on every system")
    return _import(name, globals, *rest, **named)


_real_uname, os.uname = os.uname, _uname
socket.socket.sendmsg = socket.socket.recvmsg = property(_absent)
_import, builtins.__import__ = builtins.__import__, _guarded
with Path(os.environ["MARK"]).open("a") as mark:
    mark.write(f"{os.getpid()}\n")
