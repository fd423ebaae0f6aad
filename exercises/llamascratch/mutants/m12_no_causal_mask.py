"""Use no causal mask.

en: Your tokens see the future: the causal mask is missing.
zh: 你的 token 能看到未来：缺少因果掩码。
caught by: test_logits, test_causality, test_cache_chunks
"""


def causal_mask(S, T, device):
    return torch.ones(S, T, dtype=torch.bool, device=device)
