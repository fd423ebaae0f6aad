def normalise(x):
    length = (x * x).sum(-1).sqrt()
    return x / torch.where(length == 0, 1, length)[:, None]


unit = normalise


def angle(a, b):
    return (unit(a) * unit(b)).sum(-1).clamp(-1, 1).acos()
