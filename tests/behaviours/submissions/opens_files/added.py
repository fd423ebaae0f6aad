import os


def normalise(x):
    while True:
        os.dup(1)
