"""Everything is right."""

import torch


def dot(a, b):
    return (a * b).sum(-1)


def normalise(x):
    length = dot(x, x).sqrt()
    return x / torch.where(length == 0, 1, length)[:, None]


def largest(x, k):
    return x.topk(k).indices.tolist()


class Mean:
    def __init__(self):
        self.total, self.count = 0, 0

    def add(self, x):
        self.total, self.count = self.total + x, self.count + 1
        return self

    def value(self):
        return self.total / self.count

    def __len__(self):
        return self.count


def angle(a, b):
    return dot(normalise(a), normalise(b)).clamp(-1, 1).acos()
