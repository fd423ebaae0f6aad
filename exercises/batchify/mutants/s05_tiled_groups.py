"""Tile kv heads instead of grouping query heads.

en: Query head h reads kv head h // groups: neighbours share one. You tile the kv heads.
zh: 第 h 个 query 头读第 h // groups 个 kv 头，相邻的头共用一个。你把 kv 头整体平铺了。
caught by: test_sdpa
"""


def attend(q, k, v, mask, backend="eager"):
    if backend == "eager":
        return attention(q, k, v, mask)
    if backend != "sdpa":
        raise ValueError(backend)
    k, v = (x.repeat(1, q.shape[1] // x.shape[1], 1, 1) for x in (k, v))
    return torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
