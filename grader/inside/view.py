"""The file system beyond the wall: an empty root with read-only views of what an interpreter needs.

Neither the course, nor a home directory, nor /etc/passwd has a name in it, so there is nothing to
protect by permission: `stat` of a hidden file says that it does not exist.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from pathlib import Path

from grader.inside import confine
from grader.inside.spec import Launch

SYSTEM_TREES = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64")
SYSTEM_FILES = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/alternatives", "/etc/localtime")
CPU_INFO = "/sys/devices/system/cpu"
DEVICES = ("/dev/null", "/dev/full", "/dev/random", "/dev/urandom")  # not zero: that is memory to be shared
SCRATCH = "/sandbox"  # each worker's own disk, mounted by the worker itself
HEADERS = "/headers"  # what the template has precompiled for all workers, read-only to them
_READ_ONLY = confine.ATTR_RDONLY | confine.ATTR_NOSUID | confine.ATTR_NODEV
_EMPTY = ("/proc", "/dev/shm", "/tmp", SCRATCH, HEADERS)  # noqa: S108 - mount points
_DEV_LINKS = {"fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
_BASES = ("/mnt", "/srv", "/media", "/opt", "/run", "/tmp", "/var")  # noqa: S108


@functools.cache  # every fork of the template asks for it
def readable(launch: Launch) -> tuple[str, ...]:
    """Return every path outside scratch, /proc and /dev that a worker may read or run."""
    package = (f"{launch.package}/__init__.py", f"{launch.package}/inside")
    paths = (*SYSTEM_TREES, *SYSTEM_FILES, CPU_INFO, *launch.trees, *launch.files, *package)
    return tuple(p for p in sorted(set(paths)) if Path(p).exists())  # a tree before what lies in it


def holds_shown(directory: str, launch: Launch) -> bool:
    """Say whether something we show (an interpreter in /tmp, say) lies in a directory."""
    return any(path.startswith(f"{directory}/") for path in readable(launch))


def enter(launch: Launch) -> None:
    """Build the view in this (new) mount namespace and make it the root; the old root is detached."""
    confine.mount("none", "/", flags=confine.MS_REC | confine.MS_PRIVATE)
    sources = readable(launch)
    root = _free_mount_point((*sources, *launch.devices))
    confine.mount("tmpfs", root, "tmpfs", confine.MS_NOSUID | confine.MS_NODEV, "mode=755,size=1m")
    for directory in _EMPTY:
        Path(root + directory).mkdir(parents=True)
    for path in sources:
        if not path.startswith(launch.package + "/"):
            _show(root, path)
    _show_package(root, launch.package)
    _show_devices(root, launch.devices)
    # The template's own, hidden from every worker by the worker's own: libraries look for a
    # temporary directory when imported.
    private = "mode=1777,size=16m"
    confine.mount("tmpfs", root + SCRATCH, "tmpfs", confine.MS_NOSUID | confine.MS_NODEV, private)
    mount_proc(f"{root}/proc")
    confine.restrict_mount(root, confine.ATTR_RDONLY, recursive=False)
    confine.pivot(root)


def mount_proc(target: str = "/proc") -> None:
    """Mount the process list of our own PID namespace."""
    confine.mount("proc", target, "proc", confine.MS_NOSUID | confine.MS_NODEV | confine.MS_NOEXEC)


@contextlib.contextmanager
def filling_headers() -> Iterator[None]:
    """Let the template write to `HEADERS` inside the block, and nobody ever after."""
    data = f"mode=755,uid={os.getuid()},gid={os.getgid()},size=1g"
    flags = confine.MS_NOSUID | confine.MS_NODEV | confine.MS_NOEXEC
    confine.mount("tmpfs", HEADERS, "tmpfs", flags, data)
    yield
    confine.restrict_mount(HEADERS, confine.ATTR_RDONLY, recursive=False)


def _free_mount_point(sources: tuple[str, ...]) -> str:
    """Find an existing directory that may be covered because nothing we show lies in it."""
    for base in _BASES:
        hidden = any(s == base or s.startswith(base + "/") for s in sources)
        if not hidden and Path(base).is_dir() and not Path(base).is_symlink():
            return base
    raise FileNotFoundError(f"no directory to build the view on among {', '.join(_BASES)}")


def _show(root: str, path: str) -> None:
    """Show `path` read-only under the same name, unless a tree shown before contains it."""
    target = Path(root + path)
    if target.exists():
        return
    if Path(path).is_symlink() and len(Path(path).parts) == 2:  # /bin -> usr/bin
        target.symlink_to(os.readlink(path))  # noqa: PTH115 - the text of the link, unresolved
        return
    _bind(path, target, _READ_ONLY)


def _bind(path: str, target: Path, attributes: int) -> None:
    if Path(path).is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    confine.mount(path, str(target), flags=confine.MS_BIND | confine.MS_REC)
    confine.restrict_mount(str(target), attributes, recursive=True)


def _show_package(root: str, package: str) -> None:
    """Show `inside/` only, also where the package lies in a site-packages directory shown whole."""
    target = Path(root + package)
    target.mkdir(parents=True, exist_ok=True)
    inside = os.open(f"{package}/inside", os.O_PATH | os.O_CLOEXEC)
    init = os.open(f"{package}/__init__.py", os.O_PATH | os.O_CLOEXEC)
    confine.mount("tmpfs", str(target), "tmpfs", confine.MS_NOSUID | confine.MS_NODEV, "mode=755,size=64k")
    (target / "inside").mkdir()
    for fd, name in ((inside, "inside"), (init, "__init__.py")):
        _bind(f"/proc/self/fd/{fd}", target / name, _READ_ONLY)
        os.close(fd)
    confine.restrict_mount(str(target), confine.ATTR_RDONLY, recursive=False)


def _show_devices(root: str, extra: tuple[str, ...]) -> None:
    for path in (*DEVICES, *extra):
        _bind(path, Path(root + path), confine.ATTR_NOSUID | confine.ATTR_NOEXEC)
    for name, text in _DEV_LINKS.items():
        Path(f"{root}/dev/{name}").symlink_to(text)
