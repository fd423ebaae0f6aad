"""Draw by dividing by exponential noise in half precision.

en: You divide half-precision probabilities by half-precision noise: large logits overflow to NaN, and
    noise that rounds to 0 lets impossible tokens win. Convert the logits to float32 before anything else.
zh: 你用半精度的概率除以半精度的噪声：较大的 logits 会溢出成 NaN，噪声舍入为 0 时不可能的 token 也会胜出。
    请一开始就把 logits 转换为 float32。
caught by: test_low_precision_draw
"""


def sample(logits, *, temperature=1.0, top_k=0, top_p=1.0, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    logits = apply_temperature(logits, temperature)
    probs = top_p_filter(top_k_filter(logits, top_k), top_p).softmax(-1)
    return (probs / torch.empty_like(probs).exponential_(generator=generator)).argmax(-1)
