"""Exponentiate without subtracting the maximum, and go up from the least likely token.

en: Your softmax overflows for large logits (exp of 10000 is inf, inf / inf is NaN). Subtract the row's
    maximum first, or use torch's softmax.
zh: logits 很大时你的 softmax 会溢出（exp(10000) 为 inf,inf / inf 为 NaN）。请先减去该行最大值，
    或直接用 torch 的 softmax。
caught by: test_filters_on_extreme_rows
"""


def top_p_filter(logits, top_p):
    if top_p >= 1:
        return logits
    weights = logits.float().exp()
    probs, order = (weights / weights.sum(-1, keepdim=True)).sort(-1)
    mask = probs.cumsum(-1) <= 1 - top_p
    mask[:, -1] = False
    return logits.masked_fill(mask.scatter(-1, order, mask), -math.inf)
