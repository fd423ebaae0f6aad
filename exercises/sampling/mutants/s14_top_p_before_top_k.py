"""Apply top-p before top-k.

en: You apply top-p before top-k. The order is temperature, top-k, top-p: the masses that top-p adds up are
    those of the k tokens left.
zh: 你先做了 top-p 再做 top-k。顺序应为温度、top-k、top-p:top-p 累加的是剩下 k 个 token 的概率。
caught by: test_sample_filters
"""


def sample(logits, *, temperature=1.0, top_k=0, top_p=1.0, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    logits = apply_temperature(logits.float(), temperature)
    return draw(top_k_filter(top_p_filter(logits, top_p), top_k), generator)
