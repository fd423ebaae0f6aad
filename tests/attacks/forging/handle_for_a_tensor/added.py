def square(x):
    return Counter()
