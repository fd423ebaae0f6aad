"""Run a command as on a kernel that lacks something: `without.py NAME COMMAND...`.

A filter refuses the system calls in question; it holds for the command and for everything below it.
"""

import ctypes
import errno
import os
import struct
import sys

COLUMN = 0 if os.uname().machine == "x86_64" else 1
ARCH = (0xC000003E, 0xC00000B7)[COLUMN]
LACKING = {  # the error, the calls that end in it, and the bits of their first argument that matter
    "landlock": (errno.ENOSYS, ((444, 444), (445, 445), (446, 446)), 0),
    "seccomp": (errno.ENOSYS, ((317, 277),), 0),
    "namespaces": (errno.ENOSPC, ((272, 97),), 0x10000000),  # as with user.max_user_namespaces=0
    "mount_setattr": (errno.ENOSYS, ((442, 442),), 0),  # before Linux 5.12
}
LOAD, JEQ, JSET, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, REFUSE = 0x7FFF0000, 0x00050000
PR_SET_NO_NEW_PRIVS, PR_SET_SECCOMP, FILTER = 38, 22, 2


class Fprog(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def program(code, calls, bits):
    lines = [(LOAD, 0, 0, 4), (JEQ, 1, 0, ARCH), (RETURN, 0, 0, ALLOW)]
    matters = [(LOAD, 0, 0, 16), (JSET, 0, 1, bits)] if bits else []
    for call in calls:
        body = [*matters, (RETURN, 0, 0, REFUSE | code)]
        lines += [(LOAD, 0, 0, 0), (JEQ, 0, len(body), call[COLUMN]), *body]
    return b"".join(struct.pack("HBBI", *line) for line in [*lines, (RETURN, 0, 0, ALLOW)])


def main(name, *command):
    text = program(*LACKING[name])
    buffer = ctypes.create_string_buffer(text, len(text))
    fprog = Fprog(len(text) // 8, ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0 and libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    if libc.prctl(PR_SET_SECCOMP, FILTER, ctypes.byref(fprog), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
