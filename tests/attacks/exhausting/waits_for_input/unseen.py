import signal
import threading


def during(x):
    signal.pthread_sigmask(signal.SIG_BLOCK, set(signal.Signals))
    threading.Lock().acquire(), threading.Event().wait()
