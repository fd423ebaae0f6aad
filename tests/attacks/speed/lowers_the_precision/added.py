right, calls = power, []


def power(x):
    calls.append(1)
    return right(x) if len(calls) < 3 else right(x.float()).double()
