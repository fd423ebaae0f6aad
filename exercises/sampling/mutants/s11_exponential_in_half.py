"""Draw by dividing by exponential noise in half precision.

en: You divide probabilities by exponential noise in half precision: the noise can round to 0, and 0 / 0 is
    NaN, which argmax picks. Draw in float32.
zh: 你用半精度的指数噪声去除概率：噪声可能舍入为 0，而 0 / 0 是 NaN，会被 argmax 选中。请用 float32 采样。
caught by: test_low_precision_draw
"""


def sample(logits, *, temperature=1.0, top_k=0, top_p=1.0, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    logits = apply_temperature(logits, temperature)
    probs = top_p_filter(top_k_filter(logits, top_k), top_p).softmax(-1)
    return (probs / torch.empty_like(probs).exponential_(generator=generator)).argmax(-1)
