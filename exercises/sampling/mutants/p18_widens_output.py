"""Return float32 whatever came in.

en: Top-p returns float32 for half-precision logits. Compute the probabilities in float32, but mask the
    logits you were given.
zh: 输入半精度 logits 时你的 top-p 返回了 float32。概率用 float32 计算，但屏蔽的应是传入的 logits 本身。
caught by: test_low_precision_top_p, test_output_form
"""


def top_p_filter(logits, top_p):
    logits = logits.float()
    if top_p >= 1:
        return logits
    probs, order = logits.softmax(-1).sort(-1, descending=True)
    mask = probs.cumsum(-1) - probs >= top_p
    mask[:, 0] = False
    return logits.masked_fill(mask.scatter(-1, order, mask), -math.inf)
