def largest(x, k):
    return torch.empty(1 << 30, 0)
