"""Hide keys by adding -10000 to their scores.

en: You hide a key by adding -10000. A large score survives that: set hidden scores to the lowest number
    instead.
zh: 你用加 -10000 的方式屏蔽 key，但很大的分数加上它之后仍可能胜出：应把被屏蔽的分数直接设为最小值。
caught by: test_attention_large_scores
"""


def attention(q, k, v, mask):
    groups = q.shape[1] // k.shape[1]
    k = k.repeat_interleave(groups, dim=1)
    v = v.repeat_interleave(groups, dim=1)
    scores = (q @ k.transpose(-1, -2) / sqrt(q.shape[-1])).float()
    if mask is not None:
        scores = scores + torch.where(mask, 0.0, -1e4)
    return scores.softmax(dim=-1).to(q.dtype) @ v
