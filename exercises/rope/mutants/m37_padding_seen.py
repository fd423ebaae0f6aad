"""Ignore the two-dimensional attention_mask.

en: Padding tokens are attended to: keys with attention_mask 0 must be hidden.
zh: 填充 token 被关注到了：attention_mask 为 0 的 key 必须屏蔽。
caught by: test_padded_batch
"""


def visible(S, T, attention_mask, device):
    if attention_mask is not None and attention_mask.dim() == 4:
        return attention_mask
    return torch.ones(S, T, dtype=torch.bool, device=device).tril(T - S)[None, None]
