LAYERS = [c for c in torch.nn.Module.__subclasses__() if c.__name__ == "RNNBase"]


def square(x):
    LAYERS[0].__subclasses__()[0](4, 4)(x)
    return x * x
