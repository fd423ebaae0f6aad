"""Race: write the function."""

import torch


def power(x: torch.Tensor) -> torch.Tensor:
    """Return the 64th power of x [N, N]."""
    raise NotImplementedError
