"""Forget the mask under sdpa.

en: Under "sdpa" the mask is not used.
zh: 选择 "sdpa" 时没有使用掩码。
caught by: test_sdpa
"""


def attend(q, k, v, mask, backend="eager"):
    if backend == "eager":
        return attention(q, k, v, mask)
    if backend != "sdpa":
        raise ValueError(backend)
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, enable_gqa=True)
