"""Sort ascending, so that the least likely tokens are kept.

en: You go through the tokens from the least likely up. Sort in descending order: the set starts with the
    likeliest.
zh: 你是从概率最小的 token 开始累加的。请按降序排序：集合从概率最大的 token 开始。
caught by: test_top_p
"""


def top_p_filter(logits, top_p):
    if top_p >= 1:
        return logits
    probs, order = logits.softmax(-1, dtype=torch.float32).sort(-1)
    mask = probs.cumsum(-1) - probs >= top_p
    mask[:, 0] = False
    return logits.masked_fill(mask.scatter(-1, order, mask), -math.inf)
