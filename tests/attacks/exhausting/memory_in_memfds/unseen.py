import os


def during(x):
    while True:
        file = os.memfd_create("x")
        os.write(file, bytes(4 << 20))
