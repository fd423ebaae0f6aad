"""Add probabilities in the dtype of the logits.

en: You add up probabilities in half precision, which rounds the sum at every token. Take softmax and
    cumulative sum in float32.
zh: 你用半精度累加概率，每加一个 token 都会产生舍入误差。请用 float32 做 softmax 和累积和。
caught by: test_low_precision_top_p
"""


def top_p_filter(logits, top_p):
    if top_p >= 1:
        return logits
    probs, order = logits.softmax(-1).sort(-1, descending=True)
    mask = probs.cumsum(-1) - probs >= top_p
    mask[:, 0] = False
    return logits.masked_fill(mask.scatter(-1, order, mask), -math.inf)
