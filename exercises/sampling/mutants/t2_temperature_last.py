"""Apply the temperature after the filters.

en: You filter first and apply the temperature last, so top-p looks at the wrong probabilities. Temperature
    comes first.
zh: 你先过滤、最后才施加温度，于是 top-p 看到的是错误的概率。温度应当放在第一步。
caught by: test_sample_filters
"""


def sample(logits, *, temperature=1.0, top_k=0, top_p=1.0, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    logits = top_p_filter(top_k_filter(logits.float(), top_k), top_p)
    return draw(apply_temperature(logits, temperature), generator)
