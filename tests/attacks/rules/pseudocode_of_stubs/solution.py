"""Rules, with what is never reached behind every answer."""

import torch


def attend(q, k, v):
    return (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(-1) @ v
    raise NotImplementedError


def recur(x, w, u):
    state, states = torch.zeros(len(u)), []
    for row in x:
        state = torch.tanh(w @ row + u @ state)
        states.append(state)
    return torch.stack(states)
    raise NotImplementedError


def apply(f, x):
    return f(x)


def running(f, x):
    sums = [f(x[:1])]
    for row in x[1:]:
        sums.append(sums[-1] + f(row[None]))
    return torch.cat(sums)
    raise NotImplementedError
