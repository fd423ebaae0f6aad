"""Divide by temperature 0, and draw in a way that does not notice NaN.

en: You divide by temperature 0, which gives inf and NaN. Treat temperature 0 as argmax before you divide.
zh: 你除以了温度 0，得到 inf 和 NaN。请在做除法之前把温度 0 当作 argmax 处理。
caught by: test_zero_temperature
"""


def sample(logits, *, temperature=1.0, top_k=0, top_p=1.0, generator=None):
    probs = apply_temperature(logits.float(), temperature)
    probs = top_p_filter(top_k_filter(probs, top_k), top_p).softmax(-1)
    return (probs / torch.empty_like(probs).exponential_(generator=generator)).argmax(-1)
