"""Use top-p only where top-k is off.

en: With both top-k and top-p given you apply only one of them. Both apply: first top-k, then top-p.
zh: 同时给出 top-k 和 top-p 时你只应用了其中一个。两者都要应用：先 top-k，再 top-p。
caught by: test_sample_filters
"""


def sample(logits, *, temperature=1.0, top_k=0, top_p=1.0, generator=None):
    if temperature == 0:
        return logits.argmax(-1)
    logits = apply_temperature(logits.float(), temperature)
    return draw(top_k_filter(logits, top_k) if top_k > 0 else top_p_filter(logits, top_p), generator)
