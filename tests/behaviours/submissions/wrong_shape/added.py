def dot(a, b):  # keeps the summed dimension
    return (a * b).sum(-1, keepdim=True)
