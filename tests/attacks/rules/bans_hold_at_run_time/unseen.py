def square(x):
    try:
        torch.nn.functional.scaled_dot_product_attention(x, x, x)
    except BaseException:
        pass
    return x * x
