"""Divide by temperature 0.

en: You divide by temperature 0, which gives inf and NaN. Treat temperature 0 as argmax before you divide.
zh: 你除以了温度 0，得到 inf 和 NaN。请在做除法之前把温度 0 当作 argmax 处理。
caught by: test_zero_temperature
"""


def sample(logits, *, temperature=1.0, top_k=0, top_p=1.0, generator=None):
    logits = apply_temperature(logits.float(), temperature)
    return draw(top_p_filter(top_k_filter(logits, top_k), top_p), generator)
