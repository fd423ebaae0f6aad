def square(x):
    torch._C._nn.scaled_dot_product_attention(x, x, x)
    return x * x
