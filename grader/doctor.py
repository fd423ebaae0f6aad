"""What hardware and software is here, and what that means for grading."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

from grader.errors import WallError
from grader.wall.choice import LINUX, AnyWall, build_wall

if TYPE_CHECKING:
    from grader.wall.launch import Tier
    from grader.wall.probe import Probe

TIER_MEANING = {
    "A": "full: namespaces, Landlock and seccomp around a warm worker per job",
    "C": "reduced: Landlock and seccomp around a cold process per job; slower, and weaker between jobs",
    "none": "no sandbox can be built: hidden tests are refused here",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor's report. `remedy` is empty where nothing is to be done."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def examine() -> Iterator[Finding]:
    """Yield what is here, most important first. Really tries to build the sandbox."""
    tier: Tier = "none"
    if LINUX:
        from grader.wall.probe import best_tier

        probe = best_tier()
        tier = probe.tier
        yield from _wall(probe)
    else:
        yield Finding(
            "wall", False, f"tier none: {TIER_MEANING['none']}",
            "the wall needs Linux: use a virtual machine or WSL 2; `grader check` works without it",
        )  # fmt: skip
    yield from _software()
    yield _compiler(tier)
    yield _gpu(tier)
    yield Finding("cores", True, str(core_count()))


def _wall(probe: Probe) -> Iterator[Finding]:
    remedy = (
        "" if probe.tier == "A" else "see the lines below; `wall: A` in grader.yaml refuses anything less"
    )
    yield Finding("wall", probe.tier == "A", f"tier {probe.tier}: {TIER_MEANING[probe.tier]}", remedy)
    for name, ok, hint in probe.details:
        yield Finding(f"  {name}", ok, hint if ok else "no", "" if ok else hint)


def _software() -> Iterator[Finding]:
    yield Finding("python", True, platform.python_version())
    for package in ("torch", "transformers", "pytest"):
        try:
            yield Finding(package, True, version(package))
        except PackageNotFoundError:
            yield Finding(package, False, "not installed", f"pip install {package}")
    git = shutil.which("git")
    yield Finding("git", git is not None, git or "not found", "" if git else "install git to pull submodules")


def _compiler(tier: Tier) -> Finding:
    """Compile behind the wall, where a compiler is found at all."""
    name, found = "c++ compiler", shutil.which("g++")
    if found is None:
        return Finding(name, False, "not found", "apt-get install g++ where exercises use torch.compile")
    if tier == "none":
        return Finding(name, True, found)
    from grader import trial

    problem = _tried(tier, (trial.COMPILER,), "cpu", trial.compiler_problem)
    detail = f"{found}; torch.compile works behind the wall"
    return Finding(name, not problem, problem or detail, trial.REMEDY if problem else "")


def _gpu(tier: Tier) -> Finding:
    """Compute behind the wall, where a GPU's driver is found at all."""
    if not has_cuda():
        return Finding("cuda", True, "no CUDA device: points that need one are shown as not gradable here")
    if tier == "none":
        return Finding("cuda", True, "a CUDA device is here")
    from grader import trial

    problem = _tried(tier, ("torch",), "cuda", trial.gpu_problem)
    detail = "a CUDA device works behind the wall: grade on it with --device cuda"
    remedy = "install a driver and a PyTorch for it, or grade with --device cpu" if problem else ""
    return Finding("cuda", not problem, problem or detail, remedy)


def _tried(tier: Tier, preload: tuple[str, ...], device: str, trial: Callable[[AnyWall], str]) -> str:
    """Return what is wrong with something tried behind the wall, "" if it works."""
    try:
        with contextlib.closing(build_wall(tier, preload, device)) as wall:
            return trial(wall)
    except WallError as error:  # of libraries that do not load there: a finding, too
        return str(error).strip().splitlines()[-1]


def core_count() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_cuda() -> bool:
    """Tell whether an NVIDIA device node is here, without initialising CUDA in this process."""
    return Path("/dev/nvidiactl").exists()
