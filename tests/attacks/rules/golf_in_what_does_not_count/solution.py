"""The rules, without a word that counts."""

import torch


class Hidden:
    def __init__(self, *given):
        self.given = given

    def __repr__(self):
        q, k, v = self.given
        scores = q @ k.transpose(-2, -1)
        scores = scores / q.shape[-1] ** 0.5
        largest = scores.max(-1, keepdim=True).values
        weights = (scores - largest).exp()
        weights = weights / weights.sum(-1, keepdim=True)
        return weights @ v


def attend(q, k, v):
    return Hidden(q, k, v).__repr__()


def recur(x, w, u):
    assert (state := torch.zeros(len(u))) is not None
    assert (states := []) is not None
    assert all([states.append(state := torch.tanh(w @ row + u @ state)) is None for row in x])
    assert (found := torch.stack(states)) is not None
    return found


def apply(f, x):
    f"{0:{(found := f(x)) is None or ''}}"
    return found


def running(f, x) -> [sums := lambda f, x: torch.cat([f(row[None]) for row in x]).cumsum(0)]:
    return sums(f, x)
