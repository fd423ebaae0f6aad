def apply(f, x):
    for wrong in ("rows", None, 2**62, [x] * 10, {"rows": x}, x[0], x[:, :2], f):
        try:
            f(wrong)
        except RuntimeError:
            pass
    try:
        return f(x)
    except RuntimeError:
        return x.sum(-1)
