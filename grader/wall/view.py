"""Decide what is visible beyond the wall: the interpreter, its libraries, `grader/inside`, a GPU's nodes."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

import grader
from grader.errors import WallError
from grader.inside.spec import Launch
from grader.inside.view import SYSTEM_TREES
from grader.wall import owner

_PREFIX_PARTS = ("bin", "include", "lib", "lib32", "lib64", "libexec")
_SITE = re.compile(r"(site|dist)-packages$")
_NVIDIA = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools")
_WSL = ("/dev/dxg",)
_ZERO = "/dev/zero"  # memory to be shared, which only a GPU's driver gets


def package_directory() -> Path:
    """Return the directory of the grader package itself."""
    return Path(grader.__file__).parent


def launch_for(
    tier: str,
    preload: Sequence[str],
    device: str,
    serve: str,
    library: Path | None,
    files: Sequence[Path] = (),
) -> Launch:
    """Describe the view for this interpreter.

    `library` is one more directory of modules (for tests); `files` can be read, each under its own name.
    """
    sites = _site_packages()
    standard = [sysconfig.get_path("stdlib")]
    standard += [p for p in sys.path if p.endswith("/lib-dynload")]
    trees = [*_prefix_trees(), *standard, *sites]
    path = [*dict.fromkeys(standard), *sites, str(package_directory().parent)]
    if device == "cuda":
        trees += ["/sys", "/usr/lib/wsl/lib"]
    if library:
        trees.append(str(library))
        path.append(str(library))
    launch = Launch(
        tier=tier,
        trees=tuple(dict.fromkeys(t for t in trees if Path(t).exists())),
        package=str(package_directory()),
        devices=(_ZERO, *_gpu_nodes()) if device == "cuda" else (),
        path=tuple(path),
        executable=os.path.realpath(sys.executable),
        preload=tuple(preload),
        serve=serve,
        files=tuple(map(str, files)),
        uid=owner.job_uid(),
    )
    if str(package_directory().parent) not in sites and (tree := shown(package_directory(), launch)):
        raise WallError(f"the grader's checkout lies in {tree}, which students' code can read: move it")
    return launch


def shown(path: Path, launch: Launch) -> str:
    """Return the tree beyond the wall that contains `path`, "" where it is hidden."""
    trees = (*SYSTEM_TREES, *launch.trees)
    return next((tree for tree in trees if path.resolve().is_relative_to(Path(tree).resolve())), "")


def require_hidden(path: Path, device: str = "cpu") -> None:
    """Raise WallError where `path` (the course) lies in a tree that students' code can read."""
    if tree := shown(path, launch_for("A", (), device, "", None)):
        raise WallError(f"{path} lies in {tree}, which students' code can read: move the course elsewhere")


def _prefix_trees() -> list[str]:
    """Return the parts of the interpreter's prefix; never the prefix itself, which may be a home."""
    prefixes = dict.fromkeys((sys.base_prefix, sys.base_exec_prefix))
    return [f"{prefix.rstrip('/')}/{part}" for prefix in prefixes for part in _PREFIX_PARTS]


def _site_packages() -> list[str]:
    """Return the directories libraries were installed into; not what an editable install points to."""
    return [p for p in dict.fromkeys(sys.path) if _SITE.search(p) and Path(p).is_dir()]


def _gpu_nodes() -> tuple[str, ...]:
    """Return the device nodes of the one GPU that jobs may use, and of the driver."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0] or "0"
    if not chosen.isdigit():
        raise WallError(f"CUDA_VISIBLE_DEVICES={chosen!r}: name the GPU by its number, e.g. 0")
    wanted = (*_NVIDIA, f"/dev/nvidia{chosen}", *_WSL)
    nodes = tuple(node for node in wanted if Path(node).exists())
    if not nodes:
        raise WallError("no GPU device node found; is the NVIDIA driver loaded?")
    return nodes
