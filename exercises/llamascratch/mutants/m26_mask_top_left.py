"""Align the causal mask to the top left.

en: Your causal mask is right without a cache only. With T keys and S queries the last query sees all T of
    them.
zh: 你的因果掩码只在没有缓存时正确。当有 T 个 key、S 个 query 时，最后一个 query 应能看到全部 T 个
    key（右下对齐）。
caught by: test_cache_chunks, test_cache_isolated, test_generate
"""


def causal_mask(S, T, device):
    return torch.ones(S, T, dtype=torch.bool, device=device).tril(0)
