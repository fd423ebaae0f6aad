# The right `normalise` and `angle`, which need nothing else of the solution: so one function is attacked alone.

def normalise(x):
    length = (x * x).sum(-1).sqrt()
    return x / torch.where(length == 0, 1, length)[:, None]


unit = normalise


def angle(a, b):
    return (unit(a) * unit(b)).sum(-1).clamp(-1, 1).acos()
