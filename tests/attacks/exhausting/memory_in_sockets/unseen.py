import os
import socket
import time


def during(x):
    path = f"{os.getcwd()}/line"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(4096)
    for _ in range(8000):
        line = socket.socket(socket.AF_UNIX)
        line.setblocking(False)
        try:
            line.connect(path)
            while True:
                line.send(bytes(1 << 16))
        except BlockingIOError:
            continue
        finally:
            line.close()
    time.sleep(60)
