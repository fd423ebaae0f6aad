import os
import signal
import time

LEFT = []


def during(x):
    if not LEFT:
        LEFT.append(True)
        for number in range(5):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    for each in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
                        signal.signal(each, signal.SIG_IGN)
                    os.closerange(0, 64)
                    while True:
                        time.sleep(0.05)
                        try:
                            os.close(os.open("@@OUTSIDE@@/@@MARK@@", os.O_CREAT | os.O_WRONLY))
                        except OSError:
                            pass
                os._exit(0)
    return 3 * x
