def running(f, x):
    return torch.stack([f(x[: i + 1]).sum() for i in range(len(x))])
