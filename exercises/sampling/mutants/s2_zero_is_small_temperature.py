"""Replace temperature 0 by 1e-3.

en: You replace temperature 0 by a small number, so a close runner-up can still win. Temperature 0 is
    argmax, exactly.
zh: 你用一个很小的数代替温度 0，于是非常接近的次优 token 仍可能被选中。温度 0 就是严格的 argmax。
caught by: test_zero_temperature
"""


def sample(logits, *, temperature=1.0, top_k=0, top_p=1.0, generator=None):
    logits = apply_temperature(logits.float(), max(temperature, 1e-3))
    return draw(top_p_filter(top_k_filter(logits, top_k), top_p), generator)
