"""Ask torch.topk for more tokens than there are.

en: With k larger than the vocabulary torch.topk raises. The handout says: k >= V leaves the logits unchanged.
zh: 当 k 大于词表大小时 torch.topk 会抛出异常。题目约定：k >= V 时 logits 保持不变。
caught by: test_top_k_off
"""


def top_k_filter(logits, top_k):
    if top_k <= 0:
        return logits
    return logits.masked_fill(logits < logits.topk(top_k).values[:, -1:], -math.inf)
