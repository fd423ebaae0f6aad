import ctypes


def normalise(x):
    ctypes.string_at(0)
