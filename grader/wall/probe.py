"""Find the strongest wall that works here, by building each and running a job behind it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from grader.errors import CourseError
from grader.inside import confine, seccomp, selfprobe
from grader.job import Limits
from grader.wall import owner
from grader.wall.cgroup import find_cgroups
from grader.wall.launch import Tier, Wall
from grader.wall.worker import Killed

_SERVE = "grader.inside.selfprobe:serve"
_LIMITS = Limits(cpu=10, wall=30, call=10)
_GOOD_LANDLOCK = confine.SCOPE_ABI
_TRY_UNSHARE = "import ctypes; raise SystemExit(ctypes.CDLL(None).unshare(0x1000_0000) != 0)"


@dataclass(frozen=True, slots=True)
class Probe:
    """The strongest tier, and every protection: (name, is it here, what it is or what to do about it)."""

    tier: Tier  # "none": hidden tests cannot be run here
    details: tuple[tuple[str, bool, str], ...]


def best_tier() -> Probe:
    """Run a probe job in tier A, then in tier C, and say which is the first that works."""
    if sys.platform != "linux":
        return Probe("none", (("Linux", False, "the wall needs Linux; use a virtual machine or WSL 2"),))
    tiers: tuple[Tier, ...] = ("A", "C")
    problems = {tier: try_tier(tier) for tier in tiers}
    best: Tier = next((tier for tier in tiers if not problems[tier]), "none")
    walls = [(f"wall tier {tier}", not problem, problem or "works") for tier, problem in problems.items()]
    return Probe(best, (*walls, _user_namespaces(), _landlock(), _seccomp(), _user(), _cgroups()))


def try_tier(tier: Tier) -> str:
    """Build the wall and run a job behind it; return what went wrong, "" if nothing did."""
    try:
        with Wall(tier, (), serve=_SERVE) as wall, wall.open(_LIMITS) as worker:
            answer = bytearray(len(selfprobe.CONFINED))
            with worker.deadline(_LIMITS.call):
                worker.receive_into(memoryview(answer))
    except (CourseError, Killed, OSError) as problem:
        return str(problem)
    return "" if answer == selfprobe.CONFINED else "the probe job gave a wrong answer"


def _user_namespaces() -> tuple[str, bool, str]:
    name = "user namespaces"
    settings = (
        ("user/max_user_namespaces", "0", "sudo sysctl -w user.max_user_namespaces=15000"),
        (
            "kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        ("kernel/unprivileged_userns_clone", "0", "sudo sysctl -w kernel.unprivileged_userns_clone=1"),
    )
    for setting, bad, remedy in settings:
        if _read(Path("/proc/sys", setting)) == bad:
            return name, False, f"{setting.replace('/', '.')} is {bad}; {remedy}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", _TRY_UNSHARE], check=False)
    if done.returncode:
        return (
            name,
            False,
            "the system refuses to make one; a container needs --security-opt seccomp=unconfined",
        )
    return name, True, "can be made; files, processes, network and shared memory of their own for every job"


def _landlock() -> tuple[str, bool, str]:
    abi = confine.landlock_abi()
    if abi == 0:
        return "Landlock", False, "needs Linux 5.13 with CONFIG_SECURITY_LANDLOCK and lsm=...,landlock"
    note = "signals and sockets, too" if abi >= _GOOD_LANDLOCK else "from 6 on (Linux 6.12) signals, too"
    return "Landlock", True, f"version {abi}: files outside the view; {note}"


def _seccomp() -> tuple[str, bool, str]:
    machine = os.uname().machine
    if machine not in seccomp.MACHINES:
        return "seccomp", False, f"no filter for {machine}: only for {' and '.join(seccomp.MACHINES)}"
    if not seccomp.available():
        return "seccomp", False, "needs a kernel with CONFIG_SECCOMP_FILTER"
    return "seccomp", True, f"filters system calls of {machine}"


def _user() -> tuple[str, bool, str]:
    if os.geteuid() == 0:
        return "user ids", True, f"jobs run as {owner.job_uid()} or the like, without any capability"
    return "user ids", True, "jobs run as your own user, without any capability"


def _cgroups() -> tuple[str, bool, str]:
    found = find_cgroups().controllers
    if "memory" in found:
        return "cgroups", True, f"usable: {', '.join(sorted(found))}"
    remedy = "systemd-run --user --scope -p Delegate=yes grader run"
    return "cgroups", False, f"memory limits are approximate; for exact ones: {remedy}"


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
