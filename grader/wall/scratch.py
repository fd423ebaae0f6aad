"""A directory for a job where no private disk can be mounted; made, measured and removed from outside."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from grader.inside.spec import SCRATCH_DIRECTORIES
from grader.wall import owner

_LEAST_BYTES = 4096  # that a file counts for: empty ones use up the disk's inodes


def make(uid: int | None) -> str:
    """Make a scratch directory for a job, owned by `uid` if given."""
    directory = Path(tempfile.mkdtemp(prefix=owner.prefix()))
    for path in (*(directory / name for name in SCRATCH_DIRECTORIES), directory):
        path.mkdir(mode=0o700, exist_ok=True)
        if uid is not None:
            os.chown(path, uid, uid)
    return str(directory)


def remove(directory: str) -> None:
    """Remove a scratch directory once nothing of its job is alive.

    By find and rm, which descend by directory descriptors, follow no symlink, and take any depth.
    """
    if not directory:
        return
    # A job may have made directories that even their owner cannot enter.
    unlock = ["find", directory, "-type", "d", "!", "-perm", "-700", "-exec", "chmod", "700", "{}", ";"]
    for command in (unlock, ["rm", "-rf", "--", directory]):
        subprocess.run(command, env={"PATH": "/usr/bin:/bin"}, stderr=subprocess.DEVNULL, check=False)


def sweep() -> None:
    """Remove the scratch directories of slots that are no longer alive."""
    for directory in Path(tempfile.gettempdir()).glob("grader-*"):
        if owner.is_orphan(directory.name) and directory.is_dir() and not directory.is_symlink():
            remove(str(directory))  # another user's is left alone: that takes rights we do not have


def size(directory: str) -> int:
    """Return the bytes that a scratch directory takes on the disk. Follows no symlink."""
    total = 0
    queue = [directory]
    while queue:
        try:
            with os.scandir(queue.pop()) as entries:
                for entry in entries:
                    found = entry.stat(follow_symlinks=False)
                    used = found.st_blocks * 512 if hasattr(found, "st_blocks") else found.st_size  # Windows
                    total += max(_LEAST_BYTES, used)
                    if entry.is_dir(follow_symlinks=False):
                        queue.append(entry.path)
        except OSError:
            continue  # it was removed meanwhile, or the job may not show it to its owner
    return total
