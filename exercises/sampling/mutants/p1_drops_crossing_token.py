"""Drop the token whose mass crosses p.

en: Your top-p drops the token that reaches p, so the kept mass stays below p. That token belongs to the set.
zh: 你的 top-p 丢掉了使累积概率达到 p 的那个 token，保留的概率之和因此小于 p。这个 token 也属于该集合。
caught by: test_top_p
"""


def top_p_filter(logits, top_p):
    if top_p >= 1:
        return logits
    probs, order = logits.softmax(-1, dtype=torch.float32).sort(-1, descending=True)
    mask = probs.cumsum(-1) > top_p
    mask[:, 0] = False
    return logits.masked_fill(mask.scatter(-1, order, mask), -math.inf)
