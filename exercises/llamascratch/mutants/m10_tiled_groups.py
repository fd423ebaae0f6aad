"""Tile the kv heads instead of grouping the query heads.

en: Your query head h reads kv head h % Hkv. Neighbouring query heads share a kv head: it is h // (H / Hkv).
zh: 你的第 h 个 query 头读的是第 h % Hkv 个 kv 头。应由相邻的 query 头共享一个 kv 头，即 h // (H / Hkv)。
caught by: test_attention_values, test_logits
"""


def attention(q, k, v, mask):
    groups = q.shape[1] // k.shape[1]
    k = k.repeat(1, groups, 1, 1)
    v = v.repeat(1, groups, 1, 1)
    scores = (q @ k.transpose(-1, -2) / sqrt(q.shape[-1])).float()
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(torch.float32).min)
    return scores.softmax(dim=-1).to(q.dtype) @ v
