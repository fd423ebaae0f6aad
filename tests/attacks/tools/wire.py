# The judge's end of the connection from inside: frames made and sent by the attack itself.

import os as _os
import stat as _stat
import struct as _struct
import sys as _sys

import msgspec as _msgspec


def judge():
    """Find the connection to the judge among the open descriptors."""
    for number in range(3, 64):
        try:
            if _stat.S_ISSOCK(_os.fstat(number).st_mode):
                return number
        except OSError:
            pass
    raise OSError("no connection to the judge")


def say(data):
    """Send bytes to the judge behind the worker's back."""
    while data:
        data = data[_os.write(judge(), data) :]


def frame(header, blobs=b""):
    packed = header if isinstance(header, bytes) else _msgspec.msgpack.encode(header)
    return _struct.pack("<I", len(packed)) + packed + blobs


def question():
    """Find the number of the question that is being answered, which an answer must repeat."""
    caller = _sys._getframe()
    while "question" not in caller.f_locals or not hasattr(caller.f_locals["question"], "id"):
        caller = caller.f_back
    return caller.f_locals["question"].id


def answer(value, blobs=(), data=b"", **more):
    return frame({"type": "return", "id": question(), "value": value, "blobs": [*blobs], **more}, data)
