"""Return every position of the maximum at temperature 0.

en: Where several tokens share the largest logit you return all of them. One token per row: argmax.
zh: 当多个 token 并列最大时你把它们全部返回了。每行只应有一个 token：请用 argmax。
caught by: test_zero_temperature_ties
"""


def sample(logits, *, temperature=1.0, top_k=0, top_p=1.0, generator=None):
    if temperature == 0:
        return (logits == logits.amax(-1, keepdim=True)).nonzero()[:, 1]
    logits = apply_temperature(logits.float(), temperature)
    return draw(top_p_filter(top_k_filter(logits, top_k), top_p), generator)
