def dot(a, b):  # no product at all
    return (a + b).sum(-1)
