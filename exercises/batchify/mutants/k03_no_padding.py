"""Make a causal mask only.

en: Your mask is causal, but padding stays visible: combine it with attention_mask.
zh: 你的掩码只有因果部分，填充仍然可见：要与 attention_mask 合并。
caught by: test_make_mask
"""


def make_mask(attention_mask, num_new):
    T = attention_mask.shape[1]
    causal = torch.ones(num_new, T, dtype=torch.bool, device=attention_mask.device).tril(T - num_new)
    return causal.repeat(len(attention_mask), 1, 1, 1)
