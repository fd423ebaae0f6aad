def normalise(x):
    return torch.nn.parameter.UninitializedParameter()
