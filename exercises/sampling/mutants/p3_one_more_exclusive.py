"""Compare the mass before a token with `> p` (the other widely copied variant).

en: Your top-p keeps one token too many when the mass is exactly p. The set is complete as soon as its mass
    is >= p, so the mass before a token must be compared with >=.
zh: 当累积概率恰好等于 p 时，你的 top-p 多保留了一个 token。累积概率 >= p 时集合即已完成，
    因此"该 token 之前的概率之和"应当用 >= 与 p 比较。
caught by: test_top_p_boundary
"""


def top_p_filter(logits, top_p):
    if top_p >= 1:
        return logits
    probs, order = logits.softmax(-1, dtype=torch.float32).sort(-1, descending=True)
    mask = probs.cumsum(-1) - probs > top_p
    mask[:, 0] = False
    return logits.masked_fill(mask.scatter(-1, order, mask), -math.inf)
