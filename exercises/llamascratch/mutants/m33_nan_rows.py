"""Hide keys with -inf and let blind rows become NaN.

en: A row whose keys are all hidden becomes NaN under -inf, and NaN spreads to other rows in the next layer.
    Such a row must stay finite.
zh: 当一行的 key 全部被 -inf 屏蔽时，softmax 会得到 NaN，并在下一层扩散到其他行。这样的行必须保持有限值。
caught by: test_attention_masked_row, test_attention_mask
"""


def attention(q, k, v, mask):
    groups = q.shape[1] // k.shape[1]
    k = k.repeat_interleave(groups, dim=1)
    v = v.repeat_interleave(groups, dim=1)
    scores = (q @ k.transpose(-1, -2) / sqrt(q.shape[-1])).float()
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return scores.softmax(dim=-1).to(q.dtype) @ v
