"""Compare with min_p itself.

en: You compare probabilities with min_p itself. The threshold is min_p times the row's largest probability.
zh: 你直接拿概率与 min_p 比较。阈值应为 min_p 乘以该行的最大概率。
caught by: test_min_p
"""


def min_p_filter(logits, min_p):
    return logits.masked_fill(logits.softmax(-1, dtype=torch.float32) < min_p, -math.inf)
