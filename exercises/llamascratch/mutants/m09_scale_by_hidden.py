"""Divide by the square root of the hidden size.

en: You divide the scores by the square root of the hidden size; it is the size of one head that counts.
zh: 你用 hidden size 的平方根去除注意力分数；应该用单个 head 的维度。
caught by: test_attention_values, test_logits
"""


def attention(q, k, v, mask):
    groups = q.shape[1] // k.shape[1]
    k = k.repeat_interleave(groups, dim=1)
    v = v.repeat_interleave(groups, dim=1)
    scores = (q @ k.transpose(-1, -2) / sqrt(q.shape[1] * q.shape[-1])).float()
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(torch.float32).min)
    return scores.softmax(dim=-1).to(q.dtype) @ v
