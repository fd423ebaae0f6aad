def largest(x, k):
    while True:
        pass
