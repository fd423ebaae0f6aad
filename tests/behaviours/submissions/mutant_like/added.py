def normalise(x):  # the 1-norm, by a library function that the mutant does not use
    return torch.stack([row / (torch.linalg.vector_norm(row, ord=1) or 1) for row in x])
