"""Ignore temperature 0 when a filter is on.

en: With a filter given, temperature 0 still draws. Temperature 0 is argmax whatever the filters are.
zh: 给出过滤参数时，温度 0 仍在随机采样。无论过滤参数如何，温度 0 都是 argmax。
caught by: test_zero_temperature
"""


def sample(logits, *, temperature=1.0, top_k=0, top_p=1.0, generator=None):
    if temperature == 0 and top_k == 0 and top_p == 1:
        return logits.argmax(-1)
    logits = apply_temperature(logits.float(), temperature or 1.0)
    return draw(top_p_filter(top_k_filter(logits, top_k), top_p), generator)
