"""Apply the mask of the sorted tokens to the unsorted logits.

en: Your top-p mask is still in sorted order when you apply it. Bring it back to token ids (scatter with the
    sort's indices) first.
zh: 你在使用 top-p 掩码时，它还是排序后的次序。请先用 sort 返回的下标（scatter）把它还原到 token id 的次序。
caught by: test_top_p
"""


def top_p_filter(logits, top_p):
    if top_p >= 1:
        return logits
    probs = logits.softmax(-1, dtype=torch.float32).sort(-1, descending=True).values
    mask = probs.cumsum(-1) - probs >= top_p
    mask[:, 0] = False
    return logits.masked_fill(mask, -math.inf)
