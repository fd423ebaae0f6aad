"""A job that nothing confines: a plain process, for a student's own code where the wall cannot be built.

Uses nothing but what Python has on every system. Its one instruction comes on standard input.
"""

from __future__ import annotations

import importlib
import json
import os
import socket
import sys

if __name__ == "__main__":  # started with -P: where this package lies is not on the path, unless installed
    sys.path.append(__file__.replace("\\", "/").rsplit("/grader/inside/", 1)[0])

from grader.inside.spec import SCRATCH_DIRECTORIES, WORK

HOST = "127.0.0.1"


def main() -> None:
    """Import what the job needs, call the trusted side back, and serve it."""
    order = json.load(sys.stdin)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.dont_write_bytecode = True
    for name in order["preload"]:
        importlib.import_module(name)
    from grader.inside.worker import serve

    os.chdir(os.path.join(order["directory"], WORK))  # noqa: PTH118  # pathlib is not needed for this
    sock = socket.create_connection((HOST, order["port"]))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(order["token"].encode())  # proves that it is us and no other process of this machine
    folders = [name for name in SCRATCH_DIRECTORIES if name != WORK]
    serve(sock, [os.path.join(order["directory"], name) for name in folders])  # noqa: PTH118


if __name__ == "__main__":
    main()
