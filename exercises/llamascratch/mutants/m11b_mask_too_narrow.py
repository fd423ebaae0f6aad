"""Hide every token from itself.

en: A token must see itself as well as everything before it: your causal mask is one column too narrow.
zh: token 除了能看到前面的内容，还应能看到自己：你的因果掩码窄了一列。
caught by: test_logits, test_cache_chunks
"""


def causal_mask(S, T, device):
    return torch.ones(S, T, dtype=torch.bool, device=device).tril(T - S - 1)
