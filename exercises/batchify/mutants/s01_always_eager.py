"""Use eager attention for both backends.

en: Under "sdpa" you still build all scores [B, H, S, T] at once; call scaled_dot_product_attention.
zh: 选择 "sdpa" 时你仍然一次构造了全部分数 [B, H, S, T]；应调用 scaled_dot_product_attention。
caught by: test_sdpa
"""


def attend(q, k, v, mask, backend="eager"):
    if backend not in ("eager", "sdpa"):
        raise ValueError(backend)
    return attention(q, k, v, mask)
