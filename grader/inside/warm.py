"""Import what jobs need, once, before any confinement that would be in the way."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import os
import sys
import tempfile

from grader.inside import seccomp, toolchain
from grader.inside.job import Serve
from grader.inside.spec import THREADS, USER, Launch

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_KEPT_BYTES = 64 << 20
_LARGE_BYTES = 32 << 20  # the most that every glibc takes


def warm_up(launch: Launch, scratch: str) -> Serve:
    """Import everything a worker will need, in one thread, and return the function that serves it.

    `scratch` is a directory for libraries that look for a temporary one when imported.
    """
    os.environ.clear()
    os.environ.update(THREADS, **USER, HOME=scratch, TMPDIR=scratch, PATH="/usr/bin:/bin")
    sys.path[:] = launch.path
    sys.executable = launch.executable
    sys.dont_write_bytecode = True
    for name in launch.preload:
        importlib.import_module(name)
    if launch.tier == "A" and toolchain.wanted(launch.preload):
        toolchain.warm()
    module, _, function = launch.serve.partition(":")
    serve: Serve = getattr(importlib.import_module(module), function)
    seccomp.build(seccomp.Policy(), os.uname().machine)  # kept for the forks
    tempfile.tempdir = None  # to be asked for again in the worker, which has its own
    _keep_freed_memory()
    gc.collect()
    gc.freeze()  # a collection in a fork would write to, and so copy, every page of these objects
    return serve


def _keep_freed_memory() -> None:
    """Have tensors take memory that others have freed, instead of fresh pages from the kernel each time.

    In exercises on large tensors these cost up to a fifth of the time. Elsewhere than with glibc, nothing
    changes.
    """
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        if mallopt(_MMAP_THRESHOLD, _LARGE_BYTES):
            mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
