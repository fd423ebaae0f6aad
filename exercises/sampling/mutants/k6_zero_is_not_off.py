"""Treat k = 0 as a number of tokens instead of "off".

en: k <= 0 means that the filter is off: return the logits unchanged.
zh: k <= 0 表示关闭该过滤器：应原样返回 logits。
caught by: test_top_k_off
"""


def top_k_filter(logits, top_k):
    smallest_kept = logits.topk(max(1, min(top_k, logits.shape[-1]))).values[:, -1:]
    return logits.masked_fill(logits < smallest_kept, -math.inf)
