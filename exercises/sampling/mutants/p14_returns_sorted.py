"""Return the logits in sorted order.

en: Top-p returns the logits sorted. Column v of the output must still belong to token v.
zh: top-p 返回的 logits 是排过序的。输出的第 v 列仍应对应 token v。
caught by: test_top_p
"""


def top_p_filter(logits, top_p):
    if top_p >= 1:
        return logits
    ordered = logits.sort(-1, descending=True).values
    probs = ordered.softmax(-1, dtype=torch.float32)
    mask = probs.cumsum(-1) - probs >= top_p
    mask[:, 0] = False
    return ordered.masked_fill(mask, -math.inf)
