def during(x):
    return torch.ones(1 << 42)
