def normalise(x):
    return torch._neg_view(-unit(x)).t().contiguous().t()


def dot(a, b):
    product = (a * b).sum(-1)
    return torch.complex(product, product).conj().real.as_strided((len(product),), (2,))
