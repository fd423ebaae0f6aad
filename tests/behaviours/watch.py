"""Run a command and say what it leaves behind: `watch.py FILE COMMAND...` writes the survivors to FILE.

As the reaper of all its descendants this process inherits whatever outlives its parent, daemons and the
first process of a namespace included.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
PATIENCE = 60.0  # seconds that the command's own helpers have to end


def children():
    """Return the command lines of our living children; the dead are buried."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    pids = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    return [Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode() for pid in pids]


def main(report, *command):
    signal.signal(signal.SIGINT, lambda *_: None)  # the command's own matter; a handler is not inherited
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    code = subprocess.run(command, check=False).returncode
    deadline = time.monotonic() + PATIENCE
    while (left := children()) and time.monotonic() < deadline:
        time.sleep(0.05)
    Path(report).write_text("\n".join(left))
    return code


sys.exit(main(*sys.argv[1:]))
