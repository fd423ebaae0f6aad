import os
import time


def during(x):
    os.close(judge())
    time.sleep(60)
