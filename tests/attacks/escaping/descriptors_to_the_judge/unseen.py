import array
import os
import socket


def during(x):
    """Send the judge a folder and a pipe along with a byte of an answer."""
    line = socket.socket(fileno=os.dup(judge()))
    ours = array.array("i", [os.open(".", os.O_RDONLY), *os.pipe()])
    line.sendmsg([b"\x05"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, ours)])
    line.sendmsg([b"\0\0\0\0\0\0\0\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, ours)])
