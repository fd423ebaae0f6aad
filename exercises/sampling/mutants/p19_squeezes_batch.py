"""Drop the batch dimension of a batch of one.

en: With one row your top-p returns [V] instead of [1, V]. squeeze() removes every dimension of size 1; the
    shape must stay [B, V].
zh: 只有一行时你的 top-p 返回 [V] 而不是 [1, V]。squeeze() 会去掉所有大小为 1 的维度；形状必须保持 [B, V]。
caught by: test_filters_properties, test_low_precision_top_p
"""


def top_p_filter(logits, top_p):
    if top_p >= 1:
        return logits
    probs, order = logits.softmax(-1, dtype=torch.float32).sort(-1, descending=True)
    mask = probs.cumsum(-1) - probs >= top_p
    mask[:, 0] = False
    return logits.masked_fill(mask.scatter(-1, order, mask), -math.inf).squeeze()
