def attend(q, k, v):
    return torch.ops.aten.scaled_dot_product_attention(q, k, v)
