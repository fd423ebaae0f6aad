import ctypes


def during(x):
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    block = ctypes.c_void_p(libc.malloc(1 << 16))
    libc.free(block)
    libc.free(block)
    libc.free(block)
