"""Calls: write every function."""

import torch


def square(x: torch.Tensor) -> torch.Tensor:
    """Return the square of every number of x [N, D]."""
    raise NotImplementedError


def apply(f, x: torch.Tensor) -> torch.Tensor:
    """Return f of every row of x [N, D], calling f once."""
    raise NotImplementedError


def running(f, x: torch.Tensor) -> torch.Tensor:
    """Return the running sums of f of the rows of x [N, D], asking f about each row once."""
    raise NotImplementedError


class Counter:
    """Numbers added up."""

    def add(self, number: int) -> "Counter":
        """Take in a number and return self."""
        raise NotImplementedError

    def total(self) -> int:
        """Return the sum of what was added."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Return how many numbers were added."""
        raise NotImplementedError
