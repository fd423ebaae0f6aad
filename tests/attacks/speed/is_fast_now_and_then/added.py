def slowly(x):
    y = x
    for _ in range(63):
        y = y @ x
    return y



right, calls = power, []


def power(x):
    calls.append(1)
    return right(x) if len(calls) % 3 == 0 else slowly(x)
