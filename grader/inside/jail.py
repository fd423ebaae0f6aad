"""Confine one worker, step by step, from its first instruction to the self-probe.

Runs in a fork of the template (tier A) or in a fresh process (tier C), before a single byte of a
student's is read. The order matters: mounts while we still may, the user namespace last (so that
nobody inside owns the mounts and the process count is the job's own), then Landlock, then seccomp.
"""

from __future__ import annotations

import contextlib
import math
import os
import resource
import sys
import time
from pathlib import Path

from grader.inside import confine, seccomp, view
from grader.inside.spec import SCRATCH_DIRECTORIES, THREADS, USER, WORK, JobSpec, Launch

_INODE_BYTES = 16 << 10  # one file per 16 KiB of scratch, but never fewer than
_MIN_INODES = 1024
_NO_DUMP = 1  # 0 would still start the program that the machine may have for core dumps, as root
_DEVICE_RIGHTS = confine.READ_FILE | confine.WRITE_FILE | confine.IOCTL_DEV


def scratch_of(job: JobSpec) -> str:
    """Return the directory that holds everything the job may write."""
    return job.directory or view.SCRATCH


def take_stdio(output: int, error: int) -> None:
    """Put /dev/null and the two pipes on the standard descriptors."""
    null = os.open("/dev/null", os.O_RDONLY)
    for source, target in ((null, 0), (output, 1), (error, 2)):
        os.dup2(source, target)


def mount_own_world(job: JobSpec, launch: Launch) -> None:
    """Enter new mount, network and IPC namespaces with a private disk and process list."""
    confine.unshare(confine.NEWNS | confine.NEWNET | confine.NEWIPC)
    confine.mount("none", "/", flags=confine.MS_REC | confine.MS_PRIVATE)
    mount_scratch(job, launch, os.getuid())
    view.mount_proc()
    confine.unshare_user()


def mount_scratch(job: JobSpec, launch: Launch, uid: int) -> None:
    """Mount the job's disk; working directory, /tmp and /dev/shm share its size and number of files.

    Where what we show lies in one of these (a checkout in /tmp), that one stays as it is, empty but for
    that and closed to lists: a name beside the job's own files would tell who else uses the machine.
    """
    inodes = max(_MIN_INODES, job.scratch // _INODE_BYTES)
    data = f"mode=700,uid={uid},gid={uid},size={job.scratch},nr_inodes={inodes}"
    confine.mount("tmpfs", view.SCRATCH, "tmpfs", confine.MS_NOSUID | confine.MS_NODEV, data)
    for name, target in SCRATCH_DIRECTORIES.items():
        directory = Path(view.SCRATCH, name)
        directory.mkdir(mode=0o700)
        os.chown(directory, uid, uid)
        if target in _own_folders(launch):
            confine.mount(str(directory), target, flags=confine.MS_BIND)


def _own_folders(launch: Launch) -> list[str]:
    """Return the folders of the machine's that are the job's own beyond the wall."""
    return [f for f in SCRATCH_DIRECTORIES.values() if f and not view.holds_shown(f, launch)]


def set_limits(job: JobSpec, launch: Launch) -> None:
    """Set the resource limits: clean errors inside the worker, long before the outer walls are hit."""
    # SIGXCPU after the limit, SIGKILL later: the judge counts the whole job, this each process.
    limits = {
        "CPU": (_cpu_limit(job), _cpu_limit(job) + 2),
        "NOFILE": (job.files, job.files),
        "FSIZE": (job.scratch, job.scratch),
        "CORE": (_NO_DUMP, _NO_DUMP),
    }
    if sys.platform == "linux":
        processes = job.processes
        if launch.tier != "A":  # the kernel counts all processes of the uid, not this job's
            processes += _tasks_of_uid(os.getuid())
        data = int(confine.status_field("VmData").split()[0]) * 1024
        limits |= dict.fromkeys(("MSGQUEUE", "NICE", "RTPRIO"), (0, 0))
        limits |= {"NPROC": (processes, processes), "SIGPENDING": (1024, 1024)}
        # CUDA reserves address space without using it, and pins memory.
        if not launch.devices:
            limits |= {"DATA": (data + job.memory,) * 2, "MEMLOCK": (0, 0)}
        # Where the whole machine runs out of memory, the kernel ends a student's process before any of ours.
        with contextlib.suppress(PermissionError):  # a process that was root owns its file no more
            Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    confine.limit(limits)


def _cpu_limit(job: JobSpec) -> int:
    return job.cpu + 1 + math.ceil(time.process_time())  # a cold process has spent some on its imports


def _tasks_of_uid(uid: int) -> int:
    """Count the threads of all processes of a uid."""
    count = 0
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and entry.stat().st_uid == uid:
                count += sum(1 for _ in (entry / "task").iterdir())
        except OSError:
            continue  # it ended meanwhile
    return count


def restrict(job: JobSpec, launch: Launch) -> None:
    """Give up all capabilities, then close the file system (Landlock) and the kernel (seccomp)."""
    confine.keep_only_capabilities()
    own_world = launch.tier == "A"
    confine.landlock(_rules(job, launch))
    abi = confine.landlock_abi()
    seccomp.load(
        seccomp.Policy(
            shared_files=not own_world,
            own_pid=0 if own_world or abi >= confine.SCOPE_ABI else os.getpid(),
            truncate=own_world or abi >= confine.TRUNCATE_ABI,
            fileless=bool(launch.devices),
        )
    )


def _rules(job: JobSpec, launch: Launch) -> dict[str, int]:
    rules: dict[str, int] = {}
    for path in view.readable(launch):
        # Our own mounts leave only `inside/` in the package's directory; else the rules must.
        rules |= {path: confine.RUN} if launch.tier == "A" else _rules_around(path, launch.package)
    for path in launch.files:
        rules[path] = confine.READ
        rules.setdefault(str(Path(path).parent), confine.READ_DIR)
    devices = (*view.DEVICES, *launch.devices)
    rules |= {path: _DEVICE_RIGHTS for path in devices if not Path(path).is_dir()}
    rules[scratch_of(job)] = confine.WRITE
    # CUDA writes its threads' names to /proc, truncating first: without that right it fails with error 304.
    # Others write nothing there: a job could have memory taken from other processes before its own.
    processes = confine.READ | (confine.WRITE_FILE | confine.TRUNCATE if launch.devices else 0)
    if launch.tier == "A":
        rules["/proc"] = processes  # the job's own list
        rules |= dict.fromkeys(_own_folders(launch), confine.WRITE)
        rules[view.HEADERS] = confine.READ
    else:
        rules[f"/proc/{os.getpid()}"] = processes
    return rules


def _rules_around(tree: str, hole: str) -> dict[str, int]:
    """Allow a tree except the directory `hole`, where one lies in the other.

    Landlock can only add rights, so the way down to the hole may be listed, and everything beside it
    be read.
    """
    if not hole.startswith(f"{tree}/"):
        return {tree: confine.RUN}
    rules = {tree: confine.READ_DIR}
    for entry in Path(tree).iterdir():
        if str(entry) != hole and not entry.is_symlink():  # a rule would go to what it points to
            rules |= _rules_around(str(entry), hole)
    return rules


def scratch_folders(job: JobSpec) -> list[str]:
    """Return the folders besides the working directory in which the job may write."""
    return [f"{scratch_of(job)}/{name}" for name in SCRATCH_DIRECTORIES if name != WORK]


def environment(job: JobSpec, launch: Launch) -> dict[str, str]:
    """Return the whole environment of a worker."""
    work, temporary = (f"{scratch_of(job)}/{name}" for name in (WORK, "tmp"))
    return {
        "HOME": work,
        **USER,
        "PATH": f"{Path(launch.executable).parent}:/usr/bin:/bin",
        "TMPDIR": temporary,
        "CUDA_CACHE_PATH": f"{temporary}/cuda",
        "TORCHINDUCTOR_CACHE_DIR": f"{temporary}/inductor",
        "TRITON_CACHE_DIR": f"{temporary}/triton",
        **THREADS,
    }


def expected_limits(job: JobSpec) -> dict[int, int]:
    """Return the soft limits that the self-probe insists on."""
    return {
        resource.RLIMIT_CORE: _NO_DUMP,
        resource.RLIMIT_FSIZE: job.scratch,
        resource.RLIMIT_NOFILE: job.files,
        resource.RLIMIT_CPU: _cpu_limit(job) + 1,
    }
