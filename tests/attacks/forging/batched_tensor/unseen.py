def normalise(x):
    kept = []
    torch.vmap(lambda row: kept.append(row) or row)(x)
    return kept[0]
