"""What the trusted side tells the processes beyond the wall: paths and limits, never anything secret.

Plain JSON both ways, standard library only, because the first reader runs before any import path is
set. Whatever passes here can be read by every later job (a worker is a fork of the template).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

WORK = "work"
SCRATCH_DIRECTORIES = {WORK: "", "tmp": "/tmp", "shm": "/dev/shm"}  # noqa: S108
# One thread: a fork keeps only the thread that forked, and a pool started before would be dead in it.
THREADS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    "TORCHINDUCTOR_VEC_ISA_OK": "1",  # else it tries by compiling, 7 s: the compiler probe does that once
    "RAYON_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # where transformers finds a pyarrow to import
    "TOKENIZERS_PARALLELISM": "false",
    "HF_HUB_OFFLINE": "1",
    "CUDA_MODULE_LOADING": "LAZY",
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
}
# There is no /etc/passwd beyond the wall, and libraries ask for the user's name, some when imported.
USER = {"USER": "student", "LOGNAME": "student", "LANG": "C.UTF-8"}
COMPILER = "torch._inductor.compile_fx"  # an exercise that preloads it has g++ made ready (toolchain.py)
EXIT_NOT_CONFINED = 78  # a worker that could not prove its confinement ends with this status


@dataclass(frozen=True, slots=True)
class Launch:
    """How to build the view of the file system and what to import into the template.

    `trees` are shown read-only at their own paths, and so are single `files`, whose folders may be listed
    but hold nothing else where we can make mounts; `package` is the directory of the grader package,
    of which only `inside/` is shown; `devices` are device nodes; `path` becomes sys.path;
    `serve` is "module:function", called with the worker's socket; `uid` is taken when started as root.
    """

    tier: str
    trees: tuple[str, ...]
    package: str
    devices: tuple[str, ...]
    path: tuple[str, ...]
    executable: str
    preload: tuple[str, ...]
    serve: str
    uid: int
    files: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JobSpec:
    """Limits of one job, in the kernel's units (seconds, bytes, counts)."""

    cpu: int
    processes: int
    files: int
    scratch: int
    memory: int  # beyond what the interpreter holds when the job starts
    directory: str = ""  # scratch made by the trusted side; "" where the worker mounts its own


@dataclass(frozen=True, slots=True)
class Descriptors:
    """Numbers of the descriptors that a cold worker's process inherits; -1 where there is none."""

    sock: int
    output: int
    status: int
    leash: int  # anything on it: the trusted side wants this job gone
    slot: int  # a pidfd of the trusted side
    cgroups: tuple[int, ...] = ()


def dump(*parts: Launch | JobSpec | Descriptors) -> bytes:
    """Write the parts as one JSON message."""
    return json.dumps({type(p).__name__: asdict(p) for p in parts}).encode()


def load_launch(message: bytes) -> Launch:
    """Read the `Launch` in a message."""
    fields = json.loads(message)["Launch"]
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in fields.items()}
    return Launch(**values)


def load_job(message: bytes) -> JobSpec:
    """Read the `JobSpec` in a message."""
    return JobSpec(**json.loads(message)["JobSpec"])


def load_descriptors(message: bytes) -> Descriptors:
    """Read the `Descriptors` in a message."""
    fields = json.loads(message)["Descriptors"]
    return Descriptors(**{**fields, "cgroups": tuple(fields["cgroups"])})
