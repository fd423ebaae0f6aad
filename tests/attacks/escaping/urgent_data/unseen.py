import os
import socket


def during(x):
    """Bytes out of their order."""
    line = socket.socket(fileno=os.dup(judge()))
    line.send(b"\x01\0\0\0\xc0", socket.MSG_OOB)
    line.send(b"\x01\0\0\0\xc0")
