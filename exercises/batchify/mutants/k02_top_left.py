"""Align the causal mask to the top left.

en: Your causal mask is aligned to the top left: right only when there is no past. The last query sees the
    last key.
zh: 你的因果掩码按左上角对齐：只有没有 past 时才正确。最后一个 query 应能看到最后一个 key。
caught by: test_make_mask
"""


def make_mask(attention_mask, num_new):
    T = attention_mask.shape[1]
    causal = torch.ones(num_new, T, dtype=torch.bool, device=attention_mask.device).tril()
    return causal & attention_mask[:, None, None, :].bool()
