"""Prove the confinement from within, by trying what must not work.

The last thing before the job's socket is read. It returns what is wrong; the caller ends the process
if that is anything at all, so a kernel that silently ignores a restriction costs a job, not a secret.
"""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from grader.inside import confine, jail
from grader.inside.spec import WORK, JobSpec, Launch

CONFINED = b"confined"
_STATUS = {
    "CapInh": "0" * 16,
    "CapPrm": "0" * 16,
    "CapEff": "0" * 16,
    "CapBnd": "0" * 16,
    "CapAmb": "0" * 16,
    "NoNewPrivs": "1",
    "Seccomp": "2",
    "Threads": "1",
}


def problems(job: JobSpec, launch: Launch, ours: set[int]) -> list[str]:
    """Return a sentence for everything that is not as it must be; empty when the worker is confined.

    `ours` are the descriptors that may be open besides the standard ones.
    """
    found = [*_kernel_state(launch), *_files(job, launch), *_limits(job), *_network()]
    found += [*_others(launch), *_descriptors(ours)]
    if dict(os.environ) != jail.environment(job, launch):
        found.append("the environment is not the one that was set")
    return found


def _refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except OSError:
        return True
    return False


def _kernel_state(launch: Launch) -> Iterator[str]:
    for name, wanted in _STATUS.items():
        if name == "CapBnd" and launch.tier != "A":
            continue  # only the privileged can empty it; no_new_privs makes it void
        if (value := confine.status_field(name)) != wanted:
            yield f"{name} is {value}, not {wanted}"
    if 0 in (*os.getresuid(), *os.getresgid()):
        yield "the worker is root"
    if launch.tier == "A":
        for name in ("uid_map", "gid_map"):  # one id, mapped to itself: not root outside either
            fields = Path(f"/proc/self/{name}").read_text(encoding="ascii").split()
            if len(fields) != 3 or fields[0] != fields[1] or fields[2] != "1":
                yield f"{name} maps {' '.join(fields)}"
    if not _refused(lambda: confine.unshare(confine.NEWUSER)):
        yield "a user namespace could be made"


def _files(job: JobSpec, launch: Launch) -> Iterator[str]:
    hidden = [
        "/etc/passwd",
        f"{launch.package}/errors.py",
        f"{launch.package}/wall/launch.py",
        "/root",
        "/home",
    ]
    for path in hidden:
        if not _refused(lambda path=path: os.close(os.open(path, os.O_RDONLY))):  # type: ignore[misc]
            yield f"{path} can be opened"
    for directory in ("/", "/usr", "/var", launch.package, f"{launch.package}/inside"):
        probe = f"{directory}/.wall-probe"
        if not _refused(lambda probe=probe: os.close(os.open(probe, os.O_WRONLY | os.O_CREAT))):  # type: ignore[misc]
            yield f"{directory} can be written"
    if Path.cwd() != Path(jail.scratch_of(job), WORK):
        yield f"the working directory is {Path.cwd()}"
    inside = Path(".wall-probe")
    inside.write_bytes(b"x")  # an OSError here is a problem, too: nothing could be unpacked
    inside.unlink()


def _limits(job: JobSpec) -> Iterator[str]:
    for which, wanted in jail.expected_limits(job).items():
        if resource.getrlimit(which)[0] > wanted:
            yield f"resource limit {which} is {resource.getrlimit(which)[0]}, not {wanted}"


def _network() -> Iterator[str]:
    for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET, socket.AF_VSOCK):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
            if not _refused(lambda family=family, kind=kind: socket.socket(family, kind).close()):  # type: ignore[misc]
                yield f"a socket of family {family.name} could be made"


def _others(launch: Launch) -> Iterator[str]:
    """Look for other processes, and in a network namespace of our own for an interface that is up."""
    if launch.tier != "A":
        if not _refused(lambda: os.listdir("/proc")):  # noqa: PTH208
            yield "other processes are visible"
        return
    visible = {int(e.name) for e in Path("/proc").iterdir() if e.name.isdigit()}
    if foreign := visible - {1, os.getpid()}:
        yield f"foreign processes are visible: {sorted(foreign)}"
    interfaces = [line.split(":")[0].strip() for line in _lines("/proc/self/net/dev") if ":" in line]
    if foreign_interfaces := set(interfaces) - {"lo"}:
        yield f"network interfaces are visible: {sorted(foreign_interfaces)}"
    if any("127.0.0.1" in line for line in _lines("/proc/self/net/fib_trie")):
        yield "the loopback interface is up"


def _descriptors(ours: set[int]) -> Iterator[str]:
    opened = {int(name) for name in os.listdir(f"/proc/{os.getpid()}/fd")}  # noqa: PTH208
    expected = {0, 1, 2, *ours}
    expected.add(next(fd for fd in range(64) if fd not in expected))  # listing takes one itself
    if extra := opened - expected:
        yield f"inherited descriptors: {sorted(extra)}"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="ascii", errors="replace").splitlines()
    except FileNotFoundError:
        return []


def serve(sock: socket.socket, _scratch: Sequence[str]) -> None:
    """Say that the self-probe was passed, and end: the job of the tier probe."""
    sock.sendall(CONFINED)
