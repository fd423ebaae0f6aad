"""Calls: small things that are asked often."""

import torch


def square(x: torch.Tensor) -> torch.Tensor:
    """Return the square of every number of x [N, D]."""
    return x * x


def apply(f, x: torch.Tensor) -> torch.Tensor:
    """Return f of every row of x [N, D], calling f once."""
    return f(x)


def running(f, x: torch.Tensor) -> torch.Tensor:
    """Return the running sums of f of the rows of x [N, D], asking f about each row once."""
    sums = [f(x[:1])]
    for row in x[1:]:
        sums.append(sums[-1] + f(row[None]))
    return torch.cat(sums)


class Counter:
    """Numbers added up."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def add(self, number: int) -> "Counter":
        """Take in a number and return self."""
        self.seen.append(number)
        return self

    def total(self) -> int:
        """Return the sum of what was added."""
        return sum(self.seen)

    def __len__(self) -> int:
        """Return how many numbers were added."""
        return len(self.seen)
