"""The filter is run here, instruction by instruction, for both machines."""

import errno
import struct
from pathlib import Path

import pytest

from grader.inside import seccomp
from grader.inside.seccomp import Policy

ARCH = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
COLUMN = {"x86_64": 0, "aarch64": 1}
DEFAULT = Policy()
ALLOW, KILL = "allow", "kill"
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}


def verdict(program, arch, number, *arguments):
    """Interpret a classic BPF program as the kernel does."""
    words = [*arguments, 0, 0, 0, 0, 0, 0][:6]
    data = struct.pack("<IIQ6Q", number, arch, 0, *words)
    accumulator, at = 0, 0
    while True:
        code, yes, no, k = struct.unpack_from("HBBI", program, 8 * at)
        at += 1
        if code == 0x20:
            accumulator = struct.unpack_from("<I", data, k)[0]
        elif code == 0x54:
            accumulator &= k
        elif code == 0x06:
            return {0x7FFF0000: ALLOW, 0x80000000: KILL}.get(k) or errno.errorcode[k & 0xFFFF]
        else:
            holds = {0x15: accumulator == k, 0x35: accumulator >= k, 0x45: bool(accumulator & k)}[code]
            at += yes if holds else no


@pytest.fixture(params=["x86_64", "aarch64"])
def run(request):
    def run_(call, *arguments, policy=DEFAULT):
        number = call if isinstance(call, int) else call[COLUMN[request.param]]
        return verdict(seccomp.build(policy, request.param), ARCH[request.param], number, *arguments)

    return run_


@pytest.mark.parametrize("table", [seccomp._KERNEL, seccomp._NAMESPACES, seccomp._MACHINE, seccomp._SYSV])
def test_listed_calls_are_refused(run, table):
    outcomes = {name: run(call) for name, call in table.items() if -1 not in call}
    assert set(outcomes.values()) == {"EPERM"}


@pytest.mark.parametrize("machine", HEADERS)
def test_numbers_are_those_of_the_kernel_headers(machine):
    if not HEADERS[machine].exists():
        pytest.skip("no kernel headers")
    lines = [line.split() for line in HEADERS[machine].read_text().splitlines()]
    known = {w[1].removeprefix("__NR_").removeprefix("__NR3264_"): w[2] for w in lines if len(w) >= 3}
    tables = (seccomp._KERNEL, seccomp._NAMESPACES, seccomp._MACHINE, seccomp._SYSV, seccomp._METADATA)
    ours = {name: call[COLUMN[machine]] for table in tables for name, call in table.items()}
    others = {**seccomp._KILLS, "rt_sigaction": seccomp._SIGACTION}
    ours |= {name: call[COLUMN[machine]] for name, call in others.items()}
    wrong = {name: n for name, n in ours.items() if n >= 0 and known.get(name, str(n)) != str(n)}
    assert wrong == {}


def test_ordinary_calls_are_allowed(run):
    flock, close_range, read = (73, 32), 436, (0, 63)
    assert {run(call) for call in (flock, close_range, read)} == {ALLOW}


def test_sockets_are_local_only(run):
    assert run(seccomp._SOCKET, 1) == ALLOW
    assert {run(seccomp._SOCKET, family) for family in (2, 10, 16, 17, 40)} == {"EAFNOSUPPORT"}
    assert run(seccomp._SOCKETPAIR, 30) == "EAFNOSUPPORT"


def test_threads_yes_namespaces_no(run):
    assert run(seccomp._CLONE, 0x3D0F00) == ALLOW
    assert run(seccomp._CLONE, 0x10000011) == "EPERM"
    assert run(seccomp._CLONE3) == "ENOSYS"


def test_limits_of_others_are_out_of_reach(run):
    assert run(seccomp._PRLIMIT, 0) == ALLOW
    assert run(seccomp._PRLIMIT, 1) == "EPERM"


def test_children_are_not_to_be_forgotten(run):
    signal_child, interrupt, somewhere = 17, 2, 0x7F0000000000
    assert run(seccomp._SIGACTION, signal_child, 0) == ALLOW  # only asks what the action is
    assert run(seccomp._SIGACTION, signal_child, somewhere) == "EPERM"
    assert run(seccomp._SIGACTION, signal_child, 8) == "EPERM"
    assert run(seccomp._SIGACTION, interrupt, somewhere) == ALLOW


def test_the_limit_of_core_dumps_can_be_read_and_not_set(run):
    core, stack = 4, 3
    assert run(seccomp._PRLIMIT, 0, core, 0) == ALLOW
    assert {run(seccomp._PRLIMIT, 0, core, pointer) for pointer in (1, 1 << 32, 0x7FFF00000000)} == {"EPERM"}
    assert run(seccomp._PRLIMIT, 0, stack, 1) == ALLOW
    assert (run(seccomp._SETRLIMIT, core), run(seccomp._SETRLIMIT, stack)) == ("EPERM", ALLOW)


def test_memory_is_shared_through_files_only(run):
    private, shared, validated = 0x02, 0x01, 0x03
    anonymous, huge = 0x20, 0x40000
    for flags in (private | anonymous, shared, validated):
        assert run(seccomp._MMAP, 0, 9, 3, flags) == ALLOW
    for flags in (shared | anonymous, validated | anonymous, shared | anonymous | huge):
        assert run(seccomp._MMAP, 0, 9, 3, flags) == "EPERM"
        assert run(seccomp._MMAP, 0, 9, 3, flags, policy=Policy(fileless=True)) == ALLOW
    assert run(seccomp._MEMFD_CREATE) == "EPERM"
    assert run(seccomp._MEMFD_CREATE, policy=Policy(fileless=True)) == ALLOW


def test_nobody_is_made_to_wait_or_watched(run):
    get_flags, set_lease, notify = 3, 1024, 1026
    assert run(seccomp._FCNTL, 3, get_flags) == ALLOW
    assert {run(seccomp._FCNTL, 3, what) for what in (set_lease, notify)} == {"EPERM"}
    assert run(seccomp._PRCTL, 62) == "EPERM"  # PR_SCHED_CORE
    assert run(seccomp._PRCTL, 15) == ALLOW  # PR_SET_NAME
    assert run(seccomp._SETSOCKOPT, 3, 1, 7) == "EPERM"  # SO_SNDBUF
    assert run(seccomp._SETSOCKOPT, 3, 1, 2) == ALLOW


def test_terminals_cannot_be_typed_into(run):
    assert run(seccomp._IOCTL, 1, 0x5401) == ALLOW
    assert {run(seccomp._IOCTL, 0, request) for request in (0x5412, 0x541C)} == {"EPERM"}


def test_without_a_mount_namespace_more_is_refused(run):
    policy = Policy(shared_files=True)
    assert run(seccomp._SOCKET, 1, policy=policy) == "EAFNOSUPPORT"
    assert run(seccomp._SOCKETPAIR, 1, 0o2000001, policy=policy) == ALLOW
    assert run(seccomp._SOCKETPAIR, 1, 2, policy=policy) == "EPROTONOSUPPORT"
    assert run(seccomp._METADATA["fchmodat"], policy=policy) == "EPERM"


def test_signals_can_be_bound_to_oneself(run):
    policy = Policy(own_pid=77)
    for call in seccomp._KILLS.values():
        assert run(call, 77, policy=policy) == ALLOW
        assert run(call, 78, policy=policy) == "EPERM"
    for owner in (8, 10, 15):  # F_SETOWN, F_SETSIG, F_SETOWN_EX: any signal at all, by way of a file
        assert run(seccomp._FCNTL, 3, owner, policy=policy) == "EPERM"
        assert run(seccomp._FCNTL, 3, owner) == ALLOW
    assert run(seccomp._IOCTL, 3, 0x8901, policy=policy) == "EPERM"


def test_calls_that_nobody_has_looked_at_do_not_exist(run):
    tables = (seccomp._KERNEL, seccomp._NAMESPACES, seccomp._MACHINE, seccomp._SYSV, seccomp._METADATA)
    assert max(number for table in tables for call in table.values() for number in call) <= seccomp._NEWEST
    assert (run(seccomp._NEWEST + 1), run(seccomp._NEWEST + 1000)) == ("ENOSYS", "ENOSYS")
    assert run(seccomp._NEWEST - 1) == ALLOW  # file_getattr


def test_foreign_machine_codes_are_fatal():
    assert verdict(seccomp.build(Policy(), "x86_64"), 0x40000003, 20) == KILL  # i386
    assert verdict(seccomp.build(Policy(), "x86_64"), ARCH["x86_64"], 0x40000000 | 39) == KILL  # x32
