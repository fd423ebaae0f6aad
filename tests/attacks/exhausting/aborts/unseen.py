import os


def during(x):
    os.abort()
