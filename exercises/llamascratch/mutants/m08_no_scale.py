"""Leave out the division by sqrt(D).

en: Your attention scores are not divided by the square root of the head size.
zh: 你的注意力分数没有除以 head 维度的平方根。
caught by: test_attention_values, test_logits
"""


def attention(q, k, v, mask):
    groups = q.shape[1] // k.shape[1]
    k = k.repeat_interleave(groups, dim=1)
    v = v.repeat_interleave(groups, dim=1)
    scores = (q @ k.transpose(-1, -2)).float()
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(torch.float32).min)
    return scores.softmax(dim=-1).to(q.dtype) @ v
