"""Undo the sort of the masked logits with gather instead of scatter.

en: You undo the sort with gather. gather(order) sorts once more; scatter(order) puts each rank back at its
    token id.
zh: 你用 gather 来还原排序。gather(order) 是再排一次；scatter(order) 才是把每个名次放回它的 token id。
caught by: test_top_p
"""


def top_p_filter(logits, top_p):
    if top_p >= 1:
        return logits
    probs, order = logits.softmax(-1, dtype=torch.float32).sort(-1, descending=True)
    mask = probs.cumsum(-1) - probs >= top_p
    mask[:, 0] = False
    ordered = logits.gather(-1, order).masked_fill(mask, -math.inf)
    return ordered.gather(-1, order)
