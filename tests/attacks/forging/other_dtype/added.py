def normalise(x):
    return unit(x).double()
