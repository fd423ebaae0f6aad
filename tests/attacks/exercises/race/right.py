"""Race: by squaring."""

import torch


def power(x: torch.Tensor) -> torch.Tensor:
    for _ in range(6):
        x = x @ x
    return x
