import os


def during(x):
    while True:
        os.write(1, b"x" * 65536)
