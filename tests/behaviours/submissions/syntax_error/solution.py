import torch


def dot(a, b)
    return (a * b).sum(-1)
