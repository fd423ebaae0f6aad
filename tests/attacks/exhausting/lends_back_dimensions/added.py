import torch


def apply(f, x):
    return f(torch.zeros(1 << 39, 0))
