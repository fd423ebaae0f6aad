"""Give the queries' positions to update.

en: You pass the result of query_positions on to update. The cache wants the tokens' own position_ids
    there.
zh: 你把 query_positions 的结果传给了 update。缓存在那里需要的是 token 自己的 position_ids。
caught by: test_foreign_cache
"""


def attend(layer, q, k, v, step):
    q = step.rope(q, step.query_positions)
    k, v = step.cache.update(layer, k, v, step.query_positions, step.rope)
    return attention(q, k, v, visible(q.shape[2], k.shape[2], step.attention_mask, q.device))
