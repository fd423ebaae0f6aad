def square(x):
    torch.nn.MultiheadAttention(4, 2)(x, x, x)
    return x * x
