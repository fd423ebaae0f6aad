KNOWN = []


def square(x):
    if len(KNOWN) < 5:
        KNOWN.append(x * x)
    return KNOWN[-1]
