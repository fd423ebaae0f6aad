"""The system-call filter of a worker: a deny list as a classic BPF program.

A deny list, because compilers, torch's inductor and CUDA need hundreds of calls that an allow list
would have to be derived for per version; namespaces and Landlock stand behind it. Calls newer than the list
do not exist here, as on an older kernel. `flock` stays allowed: inductor's file locks need it.
"""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import struct
from dataclasses import dataclass

from grader.inside import confine

# name: (x86_64, aarch64); -1 where the architecture does not have the call.
_KERNEL: dict[str, tuple[int, int]] = {  # looking into others, and surfaces with a history
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "kcmp": (312, 272), "pidfd_getfd": (438, 438), "pidfd_open": (434, 434),
    "process_madvise": (440, 440), "process_mrelease": (448, 448),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "memfd_secret": (447, 447), "vmsplice": (278, 75), "modify_ldt": (154, -1), "personality": (135, 92),
    "lookup_dcookie": (212, 18), "fanotify_init": (300, 262), "syslog": (103, 116),
    "inotify_init": (253, -1), "inotify_init1": (294, 26),  # sees what others read
    "io_setup": (206, 0),  # one quota for the whole machine
}  # fmt: skip
_NAMESPACES: dict[str, tuple[int, int]] = {
    "unshare": (272, 97), "setns": (308, 268), "chroot": (161, 51), "pivot_root": (155, 41),
    "mount": (165, 40), "umount2": (166, 39), "open_tree": (428, 428), "move_mount": (429, 429),
    "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "open_tree_attr": (467, 467), "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265), "sethostname": (170, 161), "setdomainname": (171, 162),
}  # fmt: skip
_MACHINE: dict[str, tuple[int, int]] = {  # only an administrator's business
    "swapon": (167, 224), "swapoff": (168, 225), "reboot": (169, 142), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "acct": (163, 89), "quotactl": (179, 60), "quotactl_fd": (443, 443),
    "nfsservctl": (180, 42), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "adjtimex": (159, 171), "clock_adjtime": (305, 266), "vhangup": (153, 58), "uselib": (134, -1),
    "iopl": (172, -1), "ioperm": (173, -1), "ioprio_set": (251, 30), "sched_setattr": (314, 274),
    "sched_setscheduler": (144, 119), "sched_setparam": (142, 118), "setpriority": (141, 140),
    "migrate_pages": (256, 238), "move_pages": (279, 239),
    "sync": (162, 81), "syncfs": (306, 267),  # have all disks of the machine write
}  # fmt: skip
_SYSV: dict[str, tuple[int, int]] = {  # System V and POSIX queues: shared by name, outside every limit
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "semget": (64, 190), "semop": (65, 193),
    "semctl": (66, 191), "semtimedop": (220, 192), "msgget": (68, 186), "msgsnd": (69, 189),
    "msgrcv": (70, 188), "msgctl": (71, 187), "mq_open": (240, 180), "mq_unlink": (241, 181),
}  # fmt: skip
# Without a mount namespace: what Landlock does not cover although it changes files outside scratch.
_METADATA: dict[str, tuple[int, int]] = {
    "chmod": (90, -1), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, -1),
    "lchown": (94, -1), "fchown": (93, 55), "fchownat": (260, 54), "setxattr": (188, 5),
    "lsetxattr": (189, 6), "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15),
    "fremovexattr": (199, 16), "setxattrat": (463, 463), "removexattrat": (466, 466), "utime": (132, -1),
    "utimes": (235, -1), "futimesat": (261, -1), "utimensat": (280, 88), "file_setattr": (469, 469),
}  # fmt: skip

_CLONE, _CLONE3, _SOCKET, _SOCKETPAIR, _CONNECT = (56, 220), (435, 435), (41, 198), (53, 199), (42, 203)
_PRLIMIT, _SETAFFINITY, _IOCTL, _TRUNCATE, _SECCOMP = (302, 261), (203, 122), (16, 29), (76, 45), (317, 277)
_SIGACTION = (13, 134)
_SETRLIMIT, _FCNTL, _PRCTL, _MMAP, _MEMFD_CREATE = (160, 164), (72, 25), (157, 167), (9, 222), (319, 279)
_SETSOCKOPT = (54, 208)
_KILLS = {
    "kill": (62, 129),
    "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
}
_TKILL, _PIDFD_SEND_SIGNAL = (200, 130), (424, 424)

_CLONE_NEW_ANY = 0x7E02_0000
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
_SIGCHLD = 17
_RLIMIT_CORE = 4
_F_SETLEASE, _F_NOTIFY, _PR_SCHED_CORE = 1024, 1026, 62
# Have the kernel send any signal to any process of the same user.
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX, _FIOSETOWN, _SIOCSPGRP = 8, 10, 15, 0x8901, 0x8902
_SO_SNDBUF = 7
_SHARED_ANONYMOUS = 0x01 | 0x20
_AF_UNIX, _STREAM, _TYPE_MASK = 1, 1, 0xF
_X32_BIT = 0x4000_0000
_NEWEST = 469  # file_setattr, Linux 6.17: the last call that the tables know of, on every machine
_AUDIT_ARCH = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}

_LOAD, _JEQ, _JGE, _JSET, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF_0000, 0x8000_0000, 0x0005_0000
_NUMBER, _ARCH = 0, 4  # offsets in struct seccomp_data; argument i is at 16 + 8 i (low word)
_SET_MODE_FILTER, _GET_ACTION_AVAILABLE = 1, 2
MACHINES = tuple(_AUDIT_ARCH)


@dataclass(frozen=True, slots=True)
class Policy:
    """What differs where there are no namespaces to rely on.

    `shared_files`: the file system is the machine's own, so deny changing metadata and reaching
    path sockets; `own_pid`: other processes are visible, so allow signals to this one only
    (for kernels whose Landlock cannot scope signals); `truncate`: whether truncate(2) is safe;
    `fileless`: allow memory that can be shared without a file (CUDA needs it). It is counted where it is
    mapped, and once it is not, by nobody but a cgroup.
    """

    shared_files: bool = False
    own_pid: int = 0  # 0: signals need no filter
    truncate: bool = True
    fileless: bool = False


Instruction = tuple[int, int, int, int]


class _Program:
    """A filter being written: every block starts and ends with the call's number in the accumulator."""

    def __init__(self, machine: str) -> None:
        self._column = 0 if machine == "x86_64" else 1
        self.code: list[Instruction] = [
            (_LOAD, 0, 0, _ARCH),
            (_JEQ, 1, 0, _AUDIT_ARCH[machine]),
            (_RETURN, 0, 0, _KILL_PROCESS),  # 32-bit calls have other numbers
            (_LOAD, 0, 0, _NUMBER),
        ]
        if machine == "x86_64":
            self.code += [(_JGE, 0, 1, _X32_BIT), (_RETURN, 0, 0, _KILL_PROCESS)]
        self.code += [(_JGE, 0, 1, _NEWEST + 1), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]

    def on(self, call: tuple[int, int], body: list[Instruction]) -> None:
        """Run `body` for that call; what falls through goes on to the next block."""
        number = call[self._column]
        if number < 0:
            return
        self.code += [(_JEQ, 0, len(body) + 1, number), *body, (_LOAD, 0, 0, _NUMBER)]

    def deny(self, call: tuple[int, int], code: int = errno.EPERM) -> None:
        self.on(call, [(_RETURN, 0, 0, _ERRNO | code)])

    def allow_only(
        self, call: tuple[int, int], argument: int, *values: int, code: int, mask: int = 0
    ) -> None:
        """Deny the call unless its argument (masked) is one of `values`."""
        body: list[Instruction] = [(_LOAD, 0, 0, 16 + 8 * argument)]
        if mask:
            body.append((_AND, 0, 0, mask))
        for i, value in enumerate(values):
            body.append((_JEQ, len(values) - i, 0, value))
        self.on(call, [*body, (_RETURN, 0, 0, _ERRNO | code)])

    def deny_if(self, call: tuple[int, int], argument: int, *values: int) -> None:
        """Deny the call where the low word of its argument is one of `values`."""
        checks = [(_JEQ, len(values) - 1 - i, int(i == len(values) - 1), v) for i, v in enumerate(values)]
        refused = (_RETURN, 0, 0, _ERRNO | errno.EPERM)
        self.on(call, [(_LOAD, 0, 0, 16 + 8 * argument), *checks, refused])

    def deny_setting(self, call: tuple[int, int], argument: int, value: int) -> None:
        """Deny the call for this value of an argument; where the pointer after it is null, it only asks."""
        pointer = 16 + 8 * (argument + 1)
        is_set = [(_LOAD, 0, 0, pointer), (_JEQ, 0, 2, 0), (_LOAD, 0, 0, pointer + 4), (_JEQ, 1, 0, 0)]
        refused = (_RETURN, 0, 0, _ERRNO | errno.EPERM)
        self.on(call, [(_LOAD, 0, 0, pointer - 8), (_JEQ, 0, 5, value), *is_set, refused])

    def pack(self) -> bytes:
        """Return the program, ending in "allow", as an array of struct sock_filter."""
        return b"".join(struct.pack("HBBI", *i) for i in [*self.code, (_RETURN, 0, 0, _ALLOW)])


@functools.cache
def build(policy: Policy, machine: str) -> bytes:
    """Return the filter for `machine` ("x86_64" or "aarch64")."""
    program = _Program(machine)
    for table in (_KERNEL, _NAMESPACES, _MACHINE, _SYSV):
        for call in table.values():
            program.deny(call)
    program.deny(_CLONE3, errno.ENOSYS)  # its flags are in memory; glibc then uses clone
    program.on(
        _CLONE, [(_LOAD, 0, 0, 16), (_JSET, 0, 1, _CLONE_NEW_ANY), (_RETURN, 0, 0, _ERRNO | errno.EPERM)]
    )
    program.allow_only(_SOCKETPAIR, 0, _AF_UNIX, code=errno.EAFNOSUPPORT)
    program.allow_only(_PRLIMIT, 0, 0, code=errno.EPERM)  # pid 0: oneself
    program.deny(_SETAFFINITY)  # the slot has chosen a core, which no other slot shares
    # Whose children are reaped unseen keeps their CPU time from whoever sums it up without a cgroup.
    program.deny_setting(_SIGACTION, 0, _SIGCHLD)
    program.deny_if(_IOCTL, 1, _TIOCSTI, _TIOCLINUX)
    program.deny_if(_FCNTL, 1, _F_SETLEASE, _F_NOTIFY)  # make others wait for us; see what they do
    program.deny_if(_PRCTL, 0, _PR_SCHED_CORE)  # would keep others off the other half of our core
    program.deny_if(_SETSOCKOPT, 2, _SO_SNDBUF)  # what sockets hold is counted by their number
    program.deny_if(_SETRLIMIT, 0, _RLIMIT_CORE)
    program.deny_setting(_PRLIMIT, 1, _RLIMIT_CORE)  # it is 1, which alone keeps a dump from a pipe
    if not policy.fileless:
        program.deny(_MEMFD_CREATE)
        shared = [(_LOAD, 0, 0, 40), (_AND, 0, 0, _SHARED_ANONYMOUS), (_JEQ, 0, 1, _SHARED_ANONYMOUS)]
        program.on(_MMAP, [*shared, (_RETURN, 0, 0, _ERRNO | errno.EPERM)])
    if policy.shared_files:
        _deny_shared_files(program)
    else:
        program.allow_only(_SOCKET, 0, _AF_UNIX, code=errno.EAFNOSUPPORT)
    if not policy.truncate:
        program.deny(_TRUNCATE)
    if policy.own_pid:
        for call in _KILLS.values():
            program.allow_only(call, 0, policy.own_pid, code=errno.EPERM)
        program.deny(_TKILL)
        program.deny(_PIDFD_SEND_SIGNAL)
        program.deny_if(_FCNTL, 1, _F_SETOWN, _F_SETSIG, _F_SETOWN_EX)
        program.deny_if(_IOCTL, 1, _FIOSETOWN, _SIOCSPGRP)
    return program.pack()


def _deny_shared_files(program: _Program) -> None:
    for call in _METADATA.values():
        program.deny(call)
    # Path sockets (docker's, ssh-agent's) are files that Landlock does not guard before version 9, and
    # a datagram pair could be sent anywhere: only connected streams remain.
    program.deny(_SOCKET, errno.EAFNOSUPPORT)
    program.deny(_CONNECT)
    program.allow_only(_SOCKETPAIR, 1, _STREAM, code=errno.EPROTONOSUPPORT, mask=_TYPE_MASK)


def available() -> bool:
    """Say whether this kernel has filters that refuse a call with an error."""
    action = ctypes.c_uint32(_ERRNO)
    number = _SECCOMP[MACHINES.index(os.uname().machine)]
    try:
        confine.syscall(number, _GET_ACTION_AVAILABLE, 0, ctypes.byref(action), what="seccomp")
    except OSError:
        return False
    return True


class _Fprog(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def load(policy: Policy) -> None:
    """Filter this process and all its descendants from now on. One thread only."""
    machine = os.uname().machine
    program = build(policy, machine)
    buffer = ctypes.create_string_buffer(program, len(program))
    fprog = _Fprog(len(program) // 8, ctypes.addressof(buffer))
    confine.forbid_new_privileges()
    number = _SECCOMP[0 if machine == "x86_64" else 1]
    confine.syscall(number, _SET_MODE_FILTER, 0, ctypes.byref(fprog), what="seccomp")
