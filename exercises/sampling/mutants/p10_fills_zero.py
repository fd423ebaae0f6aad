"""Write 0 where the logit is masked.

en: Top-p writes 0 into masked places. A logit of 0 still has a probability: softmax gives exactly zero only
    for -inf.
zh: top-p 在被屏蔽的位置写入了 0。logit 为 0 仍有概率：只有 -inf 经 softmax 才恰好为零。
caught by: test_top_p, test_filters_keep_values
"""


def top_p_filter(logits, top_p):
    if top_p >= 1:
        return logits
    probs, order = logits.softmax(-1, dtype=torch.float32).sort(-1, descending=True)
    mask = probs.cumsum(-1) - probs >= top_p
    mask[:, 0] = False
    return logits.masked_fill(mask.scatter(-1, order, mask), 0.0)
