def normalise(x):
    return unit(x).flatten()[:1]
