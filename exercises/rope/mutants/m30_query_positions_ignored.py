"""Rotate queries to position_ids without asking the cache.

en: Your model rotates queries to position_ids. Where the queries stand is the cache's decision:
    query_positions.
zh: 你的模型把 query 旋转到 position_ids。query 站在什么位置由缓存决定：query_positions。
caught by: test_foreign_cache, test_forgetful_cache, test_sink_stream
"""


def attend(layer, q, k, v, step):
    q = step.rope(q, step.position_ids)
    k, v = step.cache.update(layer, k, v, step.position_ids, step.rope)
    return attention(q, k, v, visible(q.shape[2], k.shape[2], step.attention_mask, q.device))
