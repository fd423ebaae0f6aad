"""Keep no token at all for k = 0.

en: k <= 0 means that the filter is off: return the logits unchanged.
zh: k <= 0 表示关闭该过滤器：应原样返回 logits。
caught by: test_top_k_off
"""


def top_k_filter(logits, top_k):
    best = logits.topk(min(top_k, logits.shape[-1]))
    return torch.full_like(logits, -math.inf).scatter(-1, best.indices, best.values)
