"""Race: a power, the slow way."""

import torch


def power(x: torch.Tensor) -> torch.Tensor:
    """Return the 64th power of x [N, N]."""
    found = x
    for _ in range(63):
        found = found @ x
    return found
