def normalise(x):  # in place
    length = dot(x, x).sqrt()
    x /= torch.where(length == 0, 1, length)[:, None]
    return x
