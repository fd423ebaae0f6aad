"""Let every token see the next one.

en: Every token may see the one after it: your causal mask is one column too wide.
zh: 每个 token 都能看到它后面的一个 token：你的因果掩码宽了一列。
caught by: test_logits, test_causality, test_cache_chunks
"""


def causal_mask(S, T, device):
    return torch.ones(S, T, dtype=torch.bool, device=device).tril(T - S + 1)
