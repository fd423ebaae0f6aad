"""Use the smallest kept logit of the whole batch as the threshold of every row.

en: One threshold is used for the whole batch. Keep the dimension when you take the k-th value, so that each
    row has its own ([B, 1]).
zh: 整个批次用了同一个阈值。取第 k 大的值时请保留维度，使每一行有自己的阈值（[B, 1]）。
caught by: test_top_k
"""


def top_k_filter(logits, top_k):
    if not 0 < top_k < logits.shape[-1]:
        return logits
    return logits.masked_fill(logits < logits.topk(top_k).values.min(), -math.inf)
