import os


def during(x):
    return [os.open("/dev/null", os.O_RDONLY) for _ in range(1000)]
