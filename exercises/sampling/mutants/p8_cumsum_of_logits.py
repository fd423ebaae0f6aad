"""Add up logits instead of probabilities.

en: You add up logits. p is a probability: take the softmax before the cumulative sum.
zh: 你累加的是 logits。p 是概率：请先做 softmax，再求累积和。
caught by: test_top_p
"""


def top_p_filter(logits, top_p):
    if top_p >= 1:
        return logits
    values, order = logits.float().sort(-1, descending=True)
    mask = values.cumsum(-1) - values >= top_p
    mask[:, 0] = False
    return logits.masked_fill(mask.scatter(-1, order, mask), -math.inf)
