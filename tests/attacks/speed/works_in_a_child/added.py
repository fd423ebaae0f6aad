import os

import numpy


def slowly(x):
    y = x
    for _ in range(63):
        y = y @ x
    return y



def in_child(work, x):
    ours, theirs = os.pipe()
    if os.fork() == 0:
        with os.fdopen(theirs, "wb") as pipe:
            pipe.write(work(x).numpy().tobytes())
        os._exit(0)
    os.close(theirs)
    with os.fdopen(ours, "rb") as pipe:
        answer = torch.from_numpy(numpy.frombuffer(pipe.read()).copy())
    os.wait()
    return answer.reshape(x.shape)


def power(x):
    return in_child(slowly, x)
