"""Open files in a hostile tree without ever leaving it, following a link, or waiting."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from functools import cache

# Reading a FIFO or a terminal must neither block nor make it ours.
_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | os.O_NOFOLLOW
_OPENAT2 = 437  # the same number on every architecture of Linux
_RESOLVE = 0x08 | 0x04 | 0x02 | 0x01  # BENEATH, NO_SYMLINKS, NO_MAGICLINKS, NO_XDEV
_NOT_THERE = (errno.ENOSYS, errno.EPERM, errno.E2BIG)  # older kernels, and containers that filter the call


def open_beneath(directory: int, path: str, flags: int = 0) -> int:
    """Open a relative path below an open directory, read-only.

    No component may be a symbolic link, `..`, or on another file system. Raises OSError: ELOOP or ENOTDIR
    for links, EXDEV for what leads out.
    """
    try:
        return _openat2(directory, path, _FLAGS | flags)
    except OSError as error:
        if error.errno not in _NOT_THERE:
            raise
    return open_stepwise(directory, path, flags)


def open_stepwise(directory: int, path: str, flags: int = 0) -> int:
    """Do the same where the system has no openat2: one component at a time, none of them a link."""
    *folders, last = path.split("/")
    if {"", ".", ".."} & {*folders, last}:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
    device = os.fstat(directory).st_dev
    here = os.dup(directory)
    try:
        for name in folders:
            below = os.open(name, _FLAGS | os.O_DIRECTORY, dir_fd=here)
            os.close(here)
            here = below
        found = os.open(last, _FLAGS | flags, dir_fd=here)
    finally:
        os.close(here)
    if os.fstat(found).st_dev != device:
        os.close(found)
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV), path)
    return found


def read_at_most(file: int, limit: int) -> bytes | None:
    """Read an open file to its end; None where it is longer than `limit` bytes."""
    parts: list[bytes] = []
    left = limit + 1
    while left and (part := os.read(file, left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts) if left else None


def _openat2(directory: int, path: str, flags: int) -> int:
    call = _syscall()
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS), path)
    how = struct.pack("QQQ", flags, 0, _RESOLVE)
    result: int = call(
        ctypes.c_long(_OPENAT2),
        ctypes.c_int(directory),
        ctypes.c_char_p(os.fsencode(path)),
        ctypes.c_char_p(how),
        ctypes.c_size_t(len(how)),
    )
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), path)
    return result


@cache
def _syscall() -> ctypes._NamedFuncPointer | None:
    if os.uname().sysname != "Linux":
        return None
    function = ctypes.CDLL(None, use_errno=True).syscall
    function.restype = ctypes.c_long
    return function
