"""Give up rights, through the kernel's own interfaces: namespaces, mounts, capabilities, Landlock.

Pure ctypes, no dependency; Linux on x86_64 and aarch64. Everything raises OSError when the kernel
refuses, so that a caller who does not catch it ends instead of going on half confined.
`os.unshare` and `os.setns` exist only from Python 3.12 on, hence ctypes for all of them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
import stat
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

NEWNS, NEWCGROUP, NEWUTS, NEWIPC = 0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000
NEWUSER, NEWPID, NEWNET = 0x1000_0000, 0x2000_0000, 0x4000_0000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x4_0000
ATTR_RDONLY, ATTR_NOSUID, ATTR_NODEV, ATTR_NOEXEC = 1, 2, 4, 8  # mount_setattr(2) has its own values
_MNT_DETACH = 2

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 1, 4, 38
_PR_CAPBSET_DROP, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, _PR_SET_CHILD_SUBREAPER = 24, 47, 4, 36
CAP_SYS_ADMIN = 21

# Numbers that x86_64 and aarch64 share; everything since Linux 5.1 has one number everywhere.
_CLOSE_RANGE, _MOUNT_SETATTR = 436, 442
_LANDLOCK_CREATE, _LANDLOCK_ADD, _LANDLOCK_RESTRICT = 444, 445, 446
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}


def _check(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def syscall(number: int, *args: object, what: str) -> int:
    """Make a system call; integers are passed at full register width."""
    words = [ctypes.c_void_p(a) if isinstance(a, int) else a for a in args]
    return _check(_libc.syscall(ctypes.c_long(number), *words), what)


def _prctl(option: int, *args: int) -> int:
    words = [ctypes.c_ulong(a) for a in (*args, 0, 0, 0, 0)[:4]]
    return _check(_libc.prctl(ctypes.c_int(option), *words), f"prctl {option}")


# ------------------------------------------------------------------ processes


def die_with_parent() -> None:
    """Ask for SIGKILL when the *thread* that forked us ends. Cleared by any later gain of rights."""
    _prctl(_PR_SET_PDEATHSIG, 9)


def set_dumpable(on: bool) -> None:
    """Let others of our uid look into this process (True) or nobody (False); inherited by fork."""
    _prctl(_PR_SET_DUMPABLE, int(on))


def become_subreaper() -> None:
    """Have every orphan among our descendants become our child instead of init's."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def forbid_new_privileges() -> None:
    """Make setuid programs and file capabilities powerless for us and all descendants."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def close_all_except(keep: Iterable[int]) -> None:
    """Close every descriptor that is not in `keep`."""
    low = 0
    for fd in [*sorted(set(keep)), 1 << 32]:
        if fd > low:
            syscall(_CLOSE_RANGE, low, fd - 1, 0, what="close_range")
        low = fd + 1


def keep_only_capabilities(*wanted: int) -> None:
    """Drop all capabilities except those; the bounding and ambient sets are emptied in any case."""
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, ctypes.c_ulong(capability), 0, 0, 0) != 0:
            break  # past the last one the kernel knows, or we may not, and then have none to drop
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL)
    mask = sum(1 << c for c in wanted)
    low, high = mask & 0xFFFF_FFFF, mask >> 32
    header = ctypes.create_string_buffer(struct.pack("Ii", 0x2008_0522, 0))
    sets = ctypes.create_string_buffer(struct.pack("6I", low, low, 0, high, high, 0))
    _check(_libc.capset(header, sets), "capset")


def limit(limits: Mapping[str, tuple[int, int]]) -> None:
    """Set resource limits, e.g. {"NOFILE": (soft, hard)}; never above a hard limit already there."""
    for name, wanted in limits.items():
        which = getattr(resource, f"RLIMIT_{name}")
        ceiling = resource.getrlimit(which)[1]
        if ceiling == resource.RLIM_INFINITY:
            ceiling = max(wanted)
        resource.setrlimit(which, (min(wanted[0], ceiling), min(wanted[1], ceiling)))


def status_field(name: str) -> str:
    """Return the value of one line of /proc/self/status, such as Threads."""
    for line in Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return value.strip()
    raise OSError(errno.ENODATA, f"no {name} in /proc/self/status")


# ------------------------------------------------------------------ namespaces and mounts


def unshare(flags: int) -> None:
    """Leave the namespaces named by `flags` for new ones."""
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def setns(fd: int, kind: int) -> None:
    """Enter the namespace behind `fd`."""
    _check(_libc.setns(ctypes.c_int(fd), ctypes.c_int(kind)), "setns")


def unshare_user(flags: int = 0) -> None:
    """Enter a new user namespace that holds only our own uid and gid, unchanged."""
    uid, gid = os.getuid(), os.getgid()
    set_dumpable(True)  # the map files belong to root while we are not dumpable
    unshare(NEWUSER | flags)
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        Path(f"/proc/self/{name}").write_text(line, encoding="ascii")


def drop_uid(uid: int) -> None:
    """Become `uid` with the group of the same number and no others, for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    if 0 in (*os.getresuid(), *os.getresgid()) or os.getgroups():
        raise OSError(errno.EPERM, "still root after dropping the uid")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    """Mount a file system, a directory (MS_BIND) or change one that is mounted."""
    words = [w.encode() or None for w in (source, target, kind)]
    result = _libc.mount(*words, ctypes.c_ulong(flags), data.encode() or None)
    _check(result, f"mount {kind or source} on {target}")


def restrict_mount(target: str, attributes: int, *, recursive: bool) -> None:
    """Add mount attributes, to the mounts below as well if `recursive` (a plain remount would not)."""
    attr = ctypes.create_string_buffer(struct.pack("4Q", attributes, 0, 0, 0), 32)
    at_fdcwd, at_recursive = -100, 0x8000
    flags = at_recursive if recursive else 0
    path = ctypes.c_char_p(target.encode())
    syscall(_MOUNT_SETATTR, at_fdcwd, path, flags, ctypes.byref(attr), 32, what=f"mount_setattr {target}")


def pivot(root: str) -> None:
    """Make `root`, a mount point, the root of the file system and let go of the old one."""
    os.chdir(root)
    # Both arguments ".": the old root is stacked over the new one, and detached from there.
    here = ctypes.c_char_p(b".")
    syscall(_PIVOT_ROOT[os.uname().machine], here, here, what="pivot_root")
    _check(_libc.umount2(b".", ctypes.c_int(_MNT_DETACH)), "detach the old root")
    os.chdir("/")


# ------------------------------------------------------------------ Landlock

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << i for i in range(6))
MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_SYM = 1 << 7, 1 << 8, 1 << 9, 1 << 10, 1 << 12
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
READ = READ_FILE | READ_DIR
RUN = READ | EXECUTE
# MAKE_SOCK: multiprocessing listens on a socket in its temporary directory and hangs without.
WRITE = (
    RUN | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO | MAKE_SYM
) | (REFER | TRUNCATE)
_ON_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
_KNOWN_SINCE_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1}
SCOPE_ABI = 6  # from here on signals and abstract sockets cannot leave the domain
TRUNCATE_ABI = 3
_LOG_ABI = 7  # from here on every denial would be a line in the machine's audit log
_LOG_NOTHING = 1 | 4  # neither ours, nor of rule sets that are made within


def landlock_abi() -> int:
    """Return the Landlock version of this kernel, 0 where there is none."""
    try:
        return syscall(_LANDLOCK_CREATE, 0, 0, 1, what="landlock version")
    except OSError:
        return 0


def landlock(rules: Mapping[str, int]) -> None:
    """Deny every file access except `rules` (path: rights), TCP, and signals to the outside.

    What this kernel's version cannot deny is left out; the wall then relies on its other layers.
    """
    abi = landlock_abi()
    if abi < 1:
        raise OSError(errno.ENOSYS, "this kernel has no Landlock")
    handled = _KNOWN_SINCE_ABI.get(abi, (1 << 16) - 1)
    fields = (handled, 3 if abi >= 4 else 0, 3 if abi >= SCOPE_ABI else 0)  # files, TCP, scopes
    size = 8 * (1 + (abi >= 4) + (abi >= SCOPE_ABI))
    attr = ctypes.create_string_buffer(struct.pack("3Q", *fields), 24)
    ruleset = syscall(_LANDLOCK_CREATE, ctypes.byref(attr), size, 0, what="landlock_create_ruleset")
    try:
        for path, rights in rules.items():
            _add_rule(ruleset, path, rights & handled)
        forbid_new_privileges()
        flags = _LOG_NOTHING if abi >= _LOG_ABI else 0
        syscall(_LANDLOCK_RESTRICT, ruleset, flags, what="landlock_restrict_self")
    finally:
        os.close(ruleset)


def _add_rule(ruleset: int, path: str, rights: int) -> None:
    fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            rights &= _ON_FILES
        rule = ctypes.create_string_buffer(struct.pack("=Qi", rights, fd), 12)
        syscall(_LANDLOCK_ADD, ruleset, 1, ctypes.byref(rule), 0, what=f"landlock_add_rule {path}")
    finally:
        os.close(fd)
