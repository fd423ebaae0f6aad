"""Steps: three functions of one vector."""

import torch


def before(x: torch.Tensor) -> torch.Tensor:
    """Return twice x [N]."""
    raise NotImplementedError


def during(x: torch.Tensor) -> torch.Tensor:
    """Return three times x [N]."""
    raise NotImplementedError


def after(x: torch.Tensor) -> torch.Tensor:
    """Return four times x [N]."""
    raise NotImplementedError
