"""Return True where a key is hidden.

en: Your mask is the wrong way round: True means that the query may attend to the key.
zh: 你的掩码反了：True 表示 query 可以关注该 key。
caught by: test_make_mask
"""


def make_mask(attention_mask, num_new):
    T = attention_mask.shape[1]
    causal = torch.ones(num_new, T, dtype=torch.bool, device=attention_mask.device).tril(T - num_new)
    return ~(causal & attention_mask[:, None, None, :].bool())
