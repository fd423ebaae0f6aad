"""Take the softmax over the queries.

en: The softmax runs over the keys, the last dimension; yours runs over the queries.
zh: softmax 应沿 key 维度（最后一维）进行；你却沿 query 维度做了。
caught by: test_attention_values, test_logits
"""


def attention(q, k, v, mask):
    groups = q.shape[1] // k.shape[1]
    k = k.repeat_interleave(groups, dim=1)
    v = v.repeat_interleave(groups, dim=1)
    scores = (q @ k.transpose(-1, -2) / sqrt(q.shape[-1])).float()
    if mask is not None:
        scores = scores.masked_fill(~mask, torch.finfo(torch.float32).min)
    return scores.softmax(dim=-2).to(q.dtype) @ v
