import threading
import time


def pester(f, x):
    while True:
        time.sleep(0.02)
        try:
            f(x)
        except RuntimeError:
            pass


def apply(f, x):
    found = f(x)
    threading.Timer(0.02, pester, (f, x)).start()
    return found
