def square(x):
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(*[x[None, None]] * 3)
    return x * x
