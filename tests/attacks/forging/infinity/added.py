def normalise(x):
    return torch.full_like(x, torch.inf)
