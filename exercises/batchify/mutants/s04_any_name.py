"""Take any other name for eager.

en: An unknown backend must raise ValueError: a misspelt name would go unnoticed.
zh: 未知的后端应抛出 ValueError，否则拼错名字也不会被发现。
caught by: test_sdpa
"""


def attend(q, k, v, mask, backend="eager"):
    if backend == "sdpa":
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)
    return attention(q, k, v, mask)
