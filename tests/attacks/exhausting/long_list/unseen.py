def during(x):
    return [0] * 10**7
