def attend(q, k, v):
    return vars(torch)["ops"].aten.scaled_dot_product_attention(q, k, v)
