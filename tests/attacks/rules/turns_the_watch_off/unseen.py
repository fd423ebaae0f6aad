def square(x):
    with torch._C.DisableTorchFunction():
        torch.nn.functional.scaled_dot_product_attention(x, x, x)
    return x * x
