import sys


def during(x):
    for _ in range(1600):
        sys.stderr.write("x" * (1 << 16))
    return 3 * x
