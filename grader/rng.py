"""The source of a hidden test's inputs: reproducible for the judge, unknown to the student."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import torch

T = TypeVar("T")


class Rng:
    """Draws from the run's secret seed and the test's name, so every submission gets equal inputs."""

    def __init__(self, seed: int, name: str) -> None:
        import torch

        digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
        self._torch = torch
        self._source = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)

    def normal(self, *shape: int, dtype: torch.dtype | None = None) -> torch.Tensor:
        """Draw from N(0, 1); float32 unless `dtype` says otherwise."""
        return self._torch.randn(shape, generator=self._source).to(dtype or self._torch.float32)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
        """Draw float32 from U[low, high)."""
        return self._torch.rand(shape, generator=self._source) * (high - low) + low

    def integers(self, low: int, high: int, shape: Sequence[int]) -> torch.Tensor:
        """Draw int64 from [low, high)."""
        return self._torch.randint(low, high, tuple(shape), generator=self._source)

    def integer(self, low: int, high: int) -> int:
        """Draw one int from [low, high)."""
        return int(self.integers(low, high, (1,)).item())

    def choice(self, options: Sequence[T]) -> T:
        """Draw one of the options."""
        return options[self.integer(0, len(options))]

    def permutation(self, n: int) -> torch.Tensor:
        """Draw a permutation of 0..n-1, int64 [n]."""
        return self._torch.randperm(n, generator=self._source)

    def seed(self) -> int:
        """Draw a seed for somebody else's generator."""
        return self.integer(0, 2**62)

    def generator(self) -> torch.Generator:
        """Return a freshly seeded CPU generator."""
        return self._torch.Generator().manual_seed(self.seed())
