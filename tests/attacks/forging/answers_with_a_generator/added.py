def largest(x, k):
    return (place for place in range(k))
