def apply(f, x):
    return torch.cat([f(row[None]) for row in x])
