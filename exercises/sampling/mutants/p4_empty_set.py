"""Mask even the likeliest token at p = 0.

en: With p = 0 your top-p masks every token and softmax gives NaN. The likeliest token always stays.
zh: 当 p = 0 时你的 top-p 屏蔽了所有 token,softmax 随之得到 NaN。概率最大的 token 必须始终保留。
caught by: test_top_p_limits
"""


def top_p_filter(logits, top_p):
    if top_p >= 1:
        return logits
    probs, order = logits.softmax(-1, dtype=torch.float32).sort(-1, descending=True)
    mask = probs.cumsum(-1) - probs >= top_p
    return logits.masked_fill(mask.scatter(-1, order, mask), -math.inf)
