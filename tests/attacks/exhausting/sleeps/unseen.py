import time


def during(x):
    while True:
        time.sleep(60)
