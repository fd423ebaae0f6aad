"""A tiny template for these tests: imports the worker once, then forks one per socket it receives.

Unconfined; the real one is `grader.inside.template`. Each worker gets its own folder and output pipe.
"""

import os
import socket
import sys


def main() -> None:
    import torch

    from grader.inside.worker import serve

    torch.set_num_threads(1)
    control = socket.socket(fileno=int(sys.argv[1]))
    while True:
        message, fds, _, _ = socket.recv_fds(control, 4096, 2)
        if not message:
            return
        pid = os.fork()
        if pid == 0:
            control.close()
            os.dup2(fds[1], 1)
            os.dup2(fds[1], 2)
            os.close(fds[1])
            os.chdir(message.decode())
            serve(socket.socket(fileno=fds[0]))
        for fd in fds:
            os.close(fd)
        control.send(str(pid).encode())


if __name__ == "__main__":
    main()
