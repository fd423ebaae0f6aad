import os


def before(x):
    os.write(1, bytes(range(256)) * 40)
    os.write(2, b"\xff\xfe\x00" * 1000)
    return 2 * x
