"""Align the causal mask to the top left.

en: Your causal mask is right only without a cache: with S queries and T keys, query i sees keys up to T -
    S + i.
zh: 你的因果掩码只在没有缓存时正确：有 S 个 query、T 个 key 时，第 i 个 query 能看到第 T − S + i 个 key
    为止。
caught by: test_chunks, test_forgetful_cache
"""


def visible(S, T, attention_mask, device):
    if attention_mask is not None and attention_mask.dim() == 4:
        return attention_mask
    mask = torch.ones(S, T, dtype=torch.bool, device=device).tril()[None, None]
    return mask if attention_mask is None else mask & attention_mask[:, None, None].bool()
