"""The wall that a slot uses: the sandbox on Linux, plain processes where there is nothing to build one of."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from grader.inside.spec import COMPILER
from grader.job import Limits

if TYPE_CHECKING:
    from grader.wall.launch import Tier
    from grader.wall.worker import Worker

__all__ = ["COMPILER", "LINUX", "AnyWall", "build_wall"]
LINUX = hasattr(os, "memfd_create")  # not asked by name: what the sandbox is built of is what counts


class AnyWall(Protocol):
    """Opens workers, one after another or at once."""

    @property
    def memory_limit(self) -> str:
        """How memory is limited: "cgroup", "approximate", or "" for not at all."""

    def open(self, limits: Limits) -> Worker:
        """Return a worker that has read nothing yet. Raises WallError, UngradedError."""

    def close(self) -> None:
        """End every worker."""


def build_wall(tier: Tier, preload: Sequence[str], device: str, files: Sequence[Path] = ()) -> AnyWall:
    """Build the wall of a slot, beyond which `files` can be read. Raises WallError."""
    if LINUX:
        from grader.wall.launch import Wall

        return Wall(tier, preload, device, files=files)
    from grader.wall.plain import PlainWall

    return PlainWall(preload)
