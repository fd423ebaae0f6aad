import sys
import threading


def during(x):
    sys.setrecursionlimit(1 << 20)
    threading.stack_size(1 << 15)
    nested = []
    for _ in range(1 << 10):
        nested = [nested]
    threading.Thread(target=repr, args=(nested,)).start()
    threading.Event().wait()
