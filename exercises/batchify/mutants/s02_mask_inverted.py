"""Pass the mask inverted.

en: For scaled_dot_product_attention, too, True in a bool mask means visible.
zh: scaled_dot_product_attention 的 bool 掩码同样以 True 表示可见。
caught by: test_sdpa
"""


def attend(q, k, v, mask, backend="eager"):
    if backend == "eager":
        return attention(q, k, v, mask)
    if backend != "sdpa":
        raise ValueError(backend)
    return torch.nn.functional.scaled_dot_product_attention(
        q, k, v, attn_mask=None if mask is None else ~mask, enable_gqa=True
    )
