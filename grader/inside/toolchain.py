"""The C++ compiler of torch.compile, made ready once in the template for all of its jobs.

torch's inductor writes C++ and has g++ build it. Most of what the first kernel costs is the same every
time: importing the compiler, and precompiling a header (5 s, 150 MiB). An exercise that preloads
`COMPILER` has both from the template. Everything a job itself compiles stays in that job's scratch:
no cache is ever shared between two of them.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import tempfile
import traceback
from collections.abc import Sequence

from grader.inside import view
from grader.inside.spec import COMPILER

_OWN = f"{view.SCRATCH}/tmp/headers"  # noqa: S108 - where a job precompiles what the template has not


def wanted(preload: Sequence[str]) -> bool:
    """Say whether any exercise compiles with inductor."""
    return COMPILER in preload


def warm() -> None:
    """Compile one function; forks inherit the imports, and where in `view.HEADERS` the header lies.

    Where that fails there is nothing to inherit. Whether a job can compile is found out by a probe.
    """
    from torch._inductor import codecache

    if not hasattr(codecache, "_HEADER_DIR") or not hasattr(codecache, "_HEADER_LOCK_DIR"):
        return  # a version of torch that keeps its headers elsewhere: each job makes its own
    with tempfile.TemporaryDirectory() as cache:
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = cache
        codecache._HEADER_DIR, codecache._HEADER_LOCK_DIR = view.HEADERS, f"{cache}/locks"
        try:
            _compile()
        except Exception:
            traceback.print_exc()
    codecache._HEADER_DIR, codecache._HEADER_LOCK_DIR = _OWN, f"{_OWN}/locks"


def _compile() -> None:
    import torch

    with contextlib.suppress(ImportError):  # inductor's progress bars start a thread, which no fork survives
        importlib.import_module("tqdm").tqdm.monitor_interval = 0
    x = torch.arange(8.0)
    torch.compile(_example)(x)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()


def _example(x):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202  # torch is not imported here
    return (x.sin() + x).softmax(0)
