import os
import signal

import numpy


try:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
except OSError:
    pass


def in_child(work, x):
    ours, theirs = os.pipe()
    if os.fork() == 0:
        with os.fdopen(theirs, "wb") as pipe:
            pipe.write(work(x).numpy().tobytes())
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        answer = torch.from_numpy(numpy.frombuffer(pipe.read()).copy())
    try:
        os.wait()
    except ChildProcessError:
        pass
    return answer.reshape(x.shape)


def power(x):
    y = x
    for _ in range(7):
        y = in_child(lambda y: y @ x @ x @ x @ x @ x @ x @ x @ x @ x, y)
    return y
