"""Mask the k-th token too (<= for <).

en: Your top-k masks the k-th largest logit as well: compare with < (strictly below the k-th value).
zh: 你的 top-k 把第 k 大的 logit 也屏蔽了：应当用 <（严格小于第 k 大的值）来比较。
caught by: test_top_k, test_top_k_ties
"""


def top_k_filter(logits, top_k):
    if not 0 < top_k < logits.shape[-1]:
        return logits
    return logits.masked_fill(logits <= logits.topk(top_k).values[:, -1:], -math.inf)
