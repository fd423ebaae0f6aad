"""Vectors: write every function."""

import torch


def dot(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return the dot product [N] of every row of a [N, D] with the same row of b [N, D]."""
    raise NotImplementedError


def normalise(x: torch.Tensor) -> torch.Tensor:
    """Return x [N, D] with every row divided by its length; a row of zeros stays."""
    raise NotImplementedError


def largest(x: torch.Tensor, k: int) -> list[int]:
    """Return the places of the k largest values of x [D], the largest first."""
    raise NotImplementedError


class Mean:
    """The mean of the vectors seen so far."""

    def add(self, x: torch.Tensor) -> "Mean":
        """Take in a vector x [D] and return self."""
        raise NotImplementedError

    def value(self) -> torch.Tensor:
        """Return the mean [D] of what was added."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Return how many vectors were added."""
        raise NotImplementedError
