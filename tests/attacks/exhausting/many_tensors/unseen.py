def during(x):
    return [x] * 10**5
