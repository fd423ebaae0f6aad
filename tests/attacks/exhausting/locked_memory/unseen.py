import ctypes


def during(x):
    libc = ctypes.CDLL(None, use_errno=True)
    block = ctypes.create_string_buffer(1 << 20)
    if libc.mlock(block, len(block)) == 0 or libc.mlockall(3) == 0:
        raise RuntimeError("GOT THROUGH: memory is locked")
    try:
        torch.ones(10).pin_memory()
    except RuntimeError:
        return 3 * x
    raise RuntimeError("GOT THROUGH: memory is pinned")
