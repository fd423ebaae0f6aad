import os
import time


def during(x):
    os.write(judge(), bytes([200, 0, 0, 0]) + bytes(100))
    time.sleep(60)
