ASKED = []


def during(x):
    ASKED.append(x)
    while len(ASKED) > 1:
        pass
    return 3 * x
