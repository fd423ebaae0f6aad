"""Race: by squaring."""


def power(x):
    for _ in range(6):
        x = x @ x
    return x
