"""Only one function is written, the others are not even there."""


def dot(a, b):
    return (a * b).sum(-1)
