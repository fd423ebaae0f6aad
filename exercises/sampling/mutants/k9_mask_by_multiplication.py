"""Mask by multiplying with -inf, which makes NaN of 0 x inf.

en: You mask by multiplying with -inf, but 0 x inf is NaN. Use masked_fill or torch.where.
zh: 你用乘以 -inf 的方式屏蔽，但 0 × inf 是 NaN。请用 masked_fill 或 torch.where。
caught by: test_top_k, test_filters_keep_values
"""


def top_k_filter(logits, top_k):
    if not 0 < top_k < logits.shape[-1]:
        return logits
    masked = (logits < logits.topk(top_k).values[:, -1:]).to(logits.dtype)
    return logits + masked * -math.inf
