"""Keep the k smallest logits.

en: Your threshold is the k-th smallest logit, not the k-th largest.
zh: 你的阈值是第 k 小的 logit，而不是第 k 大的。
caught by: test_top_k
"""


def top_k_filter(logits, top_k):
    if not 0 < top_k < logits.shape[-1]:
        return logits
    return logits.masked_fill(logits > logits.topk(top_k, largest=False).values[:, -1:], -math.inf)
