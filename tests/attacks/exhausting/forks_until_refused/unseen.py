import os
import signal


def during(x):
    while True:
        if os.fork() == 0:
            signal.pause()
