"""Vectors: row-wise products and lengths."""

import torch


def dot(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return the dot product [N] of every row of a [N, D] with the same row of b [N, D]."""
    return totals(a * b)  # [N]


def normalise(x: torch.Tensor) -> torch.Tensor:
    """Return x [N, D] with every row divided by its length; a row of zeros stays."""
    length = dot(x, x).sqrt()  # [N]
    return x / torch.where(length == 0, 1, length)[:, None]


def largest(x: torch.Tensor, k: int) -> list[int]:
    """Return the places of the k largest values of x [D], the largest first."""
    return x.topk(k).indices.tolist()


class Mean:
    """The mean of the vectors seen so far."""

    def __init__(self) -> None:
        self.total: torch.Tensor | float = 0.0
        self.count = 0

    def add(self, x: torch.Tensor) -> "Mean":
        """Take in a vector x [D] and return self."""
        self.total = self.total + x
        self.count += 1
        return self

    def value(self) -> torch.Tensor:
        """Return the mean [D] of what was added."""
        return self.total / self.count

    def __len__(self) -> int:
        """Return how many vectors were added."""
        return self.count


def angle(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Return the angle [N] in radians between the rows of a and b [N, D]."""
    return dot(normalise(a), normalise(b)).clamp(-1, 1).acos()
