import os
import socket


def during(x):
    kept = []
    while True:
        kept += [os.pipe(), socket.socketpair()]
