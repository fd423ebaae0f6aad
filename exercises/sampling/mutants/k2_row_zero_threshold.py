"""Use row 0's k-th logit as the threshold of every row.

en: Every row is cut at the threshold of row 0. The k-th largest logit has to be found for each row on its
    own.
zh: 每一行都用了第 0 行的阈值。第 k 大的 logit 要逐行分别求。
caught by: test_top_k
"""


def top_k_filter(logits, top_k):
    if not 0 < top_k < logits.shape[-1]:
        return logits
    return logits.masked_fill(logits < logits[0].topk(top_k).values[-1], -math.inf)
