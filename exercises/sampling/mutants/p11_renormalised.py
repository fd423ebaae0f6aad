"""Return renormalised log-probabilities instead of the logits.

en: Top-p returns renormalised values. A filter only masks: what stays is bit-identical to the input.
zh: top-p 返回的是重新归一化后的值。过滤器只做屏蔽：保留下来的值应与输入逐位相同。
caught by: test_top_p, test_filters_keep_values
"""


def top_p_filter(logits, top_p):
    if top_p >= 1:
        return logits
    probs, order = logits.softmax(-1, dtype=torch.float32).sort(-1, descending=True)
    mask = probs.cumsum(-1) - probs >= top_p
    mask[:, 0] = False
    return logits.masked_fill(mask.scatter(-1, order, mask), -math.inf).log_softmax(-1)
