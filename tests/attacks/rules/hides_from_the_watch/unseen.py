def square(x):
    attend, _ = torch._C._jit_get_operation("aten::scaled_dot_product_attention")
    attend(x, x, x)
    return x * x
