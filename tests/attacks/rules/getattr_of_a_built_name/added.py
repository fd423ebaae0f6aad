layer = getattr(torch.nn, "R" + "NN")
