import os
import signal
import time


def during(x):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        if os.fork() == 0:
            end = time.monotonic() + 0.1
            while time.monotonic() < end:
                pass
            os._exit(0)
        time.sleep(0.1)
