"""Divide half-precision logits by the temperature, and draw in a way that does not notice NaN.

en: You divide by the temperature in half precision: float16 ends at 65504, so a cold temperature makes
    infinities. Convert to float32 first.
zh: 你用半精度除以温度：float16 的上限是 65504，低温时会得到无穷大。请先转换为 float32。
caught by: test_low_precision_draw
"""


def sample(logits, *, temperature=1.0, top_k=0, top_p=1.0, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    logits = apply_temperature(logits, temperature)
    probs = top_p_filter(top_k_filter(logits, top_k), top_p).float().softmax(-1)
    return (probs / torch.empty_like(probs).exponential_(generator=generator)).argmax(-1)
