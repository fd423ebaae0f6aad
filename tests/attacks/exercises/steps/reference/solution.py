"""Steps: three functions of one vector."""

import torch


def before(x: torch.Tensor) -> torch.Tensor:
    """Return twice x [N]."""
    return 2 * x


def during(x: torch.Tensor) -> torch.Tensor:
    """Return three times x [N]."""
    return 3 * x


def after(x: torch.Tensor) -> torch.Tensor:
    """Return four times x [N]."""
    return 4 * x
