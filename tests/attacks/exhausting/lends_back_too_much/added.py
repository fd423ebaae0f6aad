import torch


def apply(f, x):
    return f(torch.zeros(4 << 20, 4))
