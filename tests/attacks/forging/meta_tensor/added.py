def normalise(x):
    return unit(x).to("meta")
