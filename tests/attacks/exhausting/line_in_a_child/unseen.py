import os
import time


def during(x):
    if os.fork() == 0:
        os.setsid()
        time.sleep(60)
    os._exit(0)
