"""Rules: write every function."""

import torch


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Return the attention [B, S, D] of queries q over keys k and values v, all [B, S, D]."""
    raise NotImplementedError


def recur(x: torch.Tensor, w: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """Return the states [T, H] of a tanh layer over x [T, D], with weights w [H, D] and u [H, H]."""
    raise NotImplementedError


def apply(f, x: torch.Tensor) -> torch.Tensor:
    """Return f [N] of every row of x [N, D], calling f once."""
    raise NotImplementedError


def running(f, x: torch.Tensor) -> torch.Tensor:
    """Return the running sums [N] of f of the rows of x [N, D], asking f about each row once."""
    raise NotImplementedError
