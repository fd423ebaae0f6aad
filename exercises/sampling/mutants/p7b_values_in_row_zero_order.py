"""Put the masked logits of all rows back in the order of row 0.

en: All rows are put back with the token order of row 0. Each row has its own order.
zh: 所有行都按第 0 行的 token 次序还原。每一行有自己的次序。
caught by: test_top_p
"""


def top_p_filter(logits, top_p):
    if top_p >= 1:
        return logits
    probs, order = logits.softmax(-1, dtype=torch.float32).sort(-1, descending=True)
    mask = probs.cumsum(-1) - probs >= top_p
    mask[:, 0] = False
    ordered = logits.gather(-1, order).masked_fill(mask, -math.inf)
    return torch.empty_like(logits).scatter(-1, order[:1].expand_as(order), ordered)
