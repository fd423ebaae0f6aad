def normalise(x):
    return [torch.ones(16 * 2**20) for _ in range(100)]  # 64 MiB each
