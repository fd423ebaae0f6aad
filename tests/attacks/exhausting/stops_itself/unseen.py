import os
import signal


def during(x):
    os.kill(os.getpid(), signal.SIGSTOP)
