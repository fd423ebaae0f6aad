import re
import signal


def during(x):
    for number in (signal.SIGXCPU, signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    re.match(r"(a+)+$", "a" * 60 + "b")
