"""Hide the rows of padding queries instead of the columns of padding keys.

en: You hide queries that stand on padding. What has to be hidden are the keys: the last dimension of the
    mask.
zh: 你屏蔽的是位于填充处的 query。应当屏蔽的是 key，即掩码的最后一维。
caught by: test_make_mask
"""


def make_mask(attention_mask, num_new):
    T = attention_mask.shape[1]
    causal = torch.ones(num_new, T, dtype=torch.bool, device=attention_mask.device).tril(T - num_new)
    return causal & attention_mask[:, None, -num_new:, None].bool()
