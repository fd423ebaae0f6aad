import os
import signal
import time


def during(x):
    for _ in range(14):
        if os.fork() == 0:
            kept = torch.ones(25 << 20)
            signal.pause()
    time.sleep(60)
