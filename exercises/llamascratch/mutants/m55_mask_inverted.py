"""Take True in the mask for "hidden".

en: In the mask True means "may attend"; you hide those keys.
zh: mask 中的 True 表示“可以关注”；你却把这些 key 屏蔽了。
caught by: test_attention_values, test_logits
"""


def attention(q, k, v, mask):
    groups = q.shape[1] // k.shape[1]
    k = k.repeat_interleave(groups, dim=1)
    v = v.repeat_interleave(groups, dim=1)
    scores = (q @ k.transpose(-1, -2) / sqrt(q.shape[-1])).float()
    if mask is not None:
        scores = scores.masked_fill(mask, torch.finfo(torch.float32).min)
    return scores.softmax(dim=-1).to(q.dtype) @ v
