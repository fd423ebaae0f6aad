"""Cut at a probability, which keeps every token tied with the last needed one.

en: You cut at the probability of the last token needed, so all tokens equally likely come in, too. The
    smallest set has only as many as are needed.
zh: 你按最后一个所需 token 的概率截断，因此与它概率相同的 token 全都进来了。最小集合只包含所需的个数。
caught by: test_top_p_boundary, test_low_precision_top_p
"""


def top_p_filter(logits, top_p):
    if top_p >= 1:
        return logits
    probs = logits.softmax(-1, dtype=torch.float32)
    ordered = probs.sort(-1, descending=True).values
    mask = ordered.cumsum(-1) - ordered >= top_p
    mask[:, 0] = False
    threshold = ordered.masked_fill(mask, math.inf).amin(-1, keepdim=True)
    return logits.masked_fill(probs < threshold, -math.inf)
