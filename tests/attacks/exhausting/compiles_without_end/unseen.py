def during(x):
    torch._dynamo.config.cache_size_limit = 1 << 30

    @torch.compile(backend="eager", dynamic=False)
    def endless(y, n):
        for _ in range(n):
            y = y + n
        return y

    for n in range(100, 1 << 30):
        endless(x, n)
