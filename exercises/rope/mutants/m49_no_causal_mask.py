"""Let every token see all keys.

en: Tokens see keys that come after them: the causal mask is missing.
zh: token 看到了在它之后的 key：缺少因果掩码。
caught by: test_logits, test_chunks
"""


def visible(S, T, attention_mask, device):
    if attention_mask is not None and attention_mask.dim() == 4:
        return attention_mask
    mask = torch.ones(1, 1, S, T, dtype=torch.bool, device=device)
    return mask if attention_mask is None else mask & attention_mask[:, None, None].bool()
