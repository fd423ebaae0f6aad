LENT = []


def apply(f, x):
    LENT.append((f, x))
    return f(x)


def square(x):
    for f, rows in LENT:
        f(rows)
    return x * x
