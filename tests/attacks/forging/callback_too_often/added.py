def apply(f, x):
    for _ in range(100):
        try:
            f(x)
        except RuntimeError:
            pass
    return f(x) if not len(x) else x.sum(-1)
