import threading


def largest(x, k):
    threading.Event().wait()
