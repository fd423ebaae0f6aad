"""Rules: what libraries have ready-made, written by hand."""

import torch


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Return the attention [B, S, D] of queries q over keys k and values v, all [B, S, D]."""
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5  # [B, S, S]
    return scores.softmax(-1) @ v


def recur(x: torch.Tensor, w: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """Return the states [T, H] of a tanh layer over x [T, D], with weights w [H, D] and u [H, H]."""
    state, states = torch.zeros(len(u)), []
    for row in x:
        state = torch.tanh(w @ row + u @ state)
        states.append(state)
    return torch.stack(states)


def apply(f, x: torch.Tensor) -> torch.Tensor:
    """Return f [N] of every row of x [N, D], calling f once."""
    return f(x)


def running(f, x: torch.Tensor) -> torch.Tensor:
    """Return the running sums [N] of f of the rows of x [N, D], asking f about each row once."""
    sums = [f(x[:1])]
    for row in x[1:]:
        sums.append(sums[-1] + f(row[None]))
    return torch.cat(sums)
