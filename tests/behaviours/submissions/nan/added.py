def normalise(x):  # 0 / 0
    return x / dot(x, x).sqrt()[:, None] / 0 * 0
