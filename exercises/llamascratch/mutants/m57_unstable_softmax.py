"""Exponentiate the scores as they are.

en: exp of a large score overflows. Subtract the largest score of each row first, or use softmax.
zh: 对很大的分数直接取 exp 会溢出。请先减去每行的最大值，或者直接用 softmax。
caught by: test_attention_large_scores
"""


def attention(q, k, v, mask):
    groups = q.shape[1] // k.shape[1]
    k = k.repeat_interleave(groups, dim=1)
    v = v.repeat_interleave(groups, dim=1)
    scores = (q @ k.transpose(-1, -2) / sqrt(q.shape[-1])).float()
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(torch.float32).min)
    p = scores.exp()
    return (p / p.sum(-1, keepdim=True)).to(q.dtype) @ v
