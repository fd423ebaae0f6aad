def during(x):
    return [torch.ones(1 << 24).pin_memory() for _ in range(64)]
