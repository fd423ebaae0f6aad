"""Let p = 1 go through the sum, where rounding masks unlikely tokens.

en: With p = 1 unlikely tokens are masked, because the float32 sum reaches 1 before the last token. p = 1
    means: leave everything unchanged.
zh: 当 p = 1 时，概率很小的 token 被屏蔽了，因为 float32 的累积和在最后一个 token 之前就达到了 1。
    p = 1 表示保持不变。
caught by: test_top_p_limits
"""


def top_p_filter(logits, top_p):
    probs, order = logits.softmax(-1, dtype=torch.float32).sort(-1, descending=True)
    mask = probs.cumsum(-1) - probs >= top_p
    mask[:, 0] = False
    return logits.masked_fill(mask.scatter(-1, order, mask), -math.inf)
