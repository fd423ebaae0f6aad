"""Draw from a cumulative sum in half precision.

en: You draw from cumulative probabilities in half precision: they take only a few hundred values, so most
    tokens are never drawn or far too often. Sum and draw in float32.
zh: 你用半精度的累积概率采样：它只能取几百个不同的值，
    于是许多 token 采不到或被采得过多。请用 float32 累加和采样。
caught by: test_low_precision_draw
"""


def sample(logits, *, temperature=1.0, top_k=0, top_p=1.0, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    scaled = apply_temperature(logits.float(), temperature)
    probs = top_p_filter(top_k_filter(scaled, top_k), top_p).softmax(-1).to(logits.dtype)
    chance = torch.rand(len(probs), 1, generator=generator, device=probs.device)
    return (probs.cumsum(-1) <= chance).sum(-1).clamp(max=logits.shape[-1] - 1)
