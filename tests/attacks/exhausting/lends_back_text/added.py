def apply(f, x):
    deep = []
    for _ in range(60):
        deep = [deep]
    for value in (["x" * 60_000] * 60, deep, list(range(100_000)), {str(i): i for i in range(30_000)}):
        try:
            f(value)
        except RuntimeError:
            pass
    return x.sum(-1)
