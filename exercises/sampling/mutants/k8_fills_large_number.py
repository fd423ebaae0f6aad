"""Write -1e9 where the logit is masked.

en: Top-k writes a large negative number into masked places. Use -inf: it alone means "impossible" whatever
    the other logits are.
zh: top-k 在被屏蔽的位置写入了一个很大的负数。请用 -inf：无论其他 logits 是多少，只有它表示"不可能"。
caught by: test_top_k, test_filters_keep_values
"""


def top_k_filter(logits, top_k):
    if not 0 < top_k < logits.shape[-1]:
        return logits
    return logits.masked_fill(logits < logits.topk(top_k).values[:, -1:], -1e9)
