def power(x):
    return x
