def normalise(x):
    return unit(x).to_sparse()
