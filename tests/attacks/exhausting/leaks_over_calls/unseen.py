KEPT = []


def during(x):
    KEPT.append(torch.ones(25 << 20))
    return 3 * x
