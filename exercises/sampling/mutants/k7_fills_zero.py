"""Write 0 where the logit is masked.

en: Top-k writes 0 into masked places. A logit of 0 still has a probability: softmax gives exactly zero only
    for -inf.
zh: top-k 在被屏蔽的位置写入了 0。logit 为 0 仍有概率：只有 -inf 经 softmax 才恰好为零。
caught by: test_top_k, test_filters_keep_values
"""


def top_k_filter(logits, top_k):
    if not 0 < top_k < logits.shape[-1]:
        return logits
    return logits.masked_fill(logits < logits.topk(top_k).values[:, -1:], 0.0)
