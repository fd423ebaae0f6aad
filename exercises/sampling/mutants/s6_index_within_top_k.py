"""Return the place among the top k instead of the token id.

en: You return the place of the token among the k best (0 ... k-1), not its id. Map it back through the
    indices of topk.
zh: 你返回的是 token 在前 k 名中的名次（0 … k-1），而不是它的 id。请用 topk 返回的下标映射回去。
caught by: test_sample_filters
"""


def sample(logits, *, temperature=1.0, top_k=0, top_p=1.0, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    logits = apply_temperature(logits.float(), temperature)
    best = logits.topk(top_k if 0 < top_k < logits.shape[-1] else logits.shape[-1]).values
    return draw(top_p_filter(best, top_p), generator)
