"""Written with Python loops over rows instead of whole tensors."""

import torch


def dot(a, b):
    return torch.stack([x @ y for x, y in zip(a, b, strict=True)])


def normalise(x):
    return torch.stack([row / (row.norm() or 1) for row in x])


def largest(x, k):
    return sorted(range(len(x)), key=lambda i: -x[i])[:k]


class Mean:
    def __init__(self):
        self.seen = []

    def add(self, x):
        self.seen.append(x)
        return self

    def value(self):
        return torch.stack(self.seen).mean(0)

    def __len__(self):
        return len(self.seen)


def angle(a, b):
    return torch.acos(dot(normalise(a), normalise(b)))
