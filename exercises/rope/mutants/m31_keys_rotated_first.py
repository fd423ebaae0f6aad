"""Rotate keys before the cache gets them.

en: Your model hands over keys that are rotated already, and the cache rotates them again. Keys go to the
    cache raw.
zh: 你的模型交给缓存的 key 已经旋转过，缓存又旋转一次。key 应当不旋转就交给缓存。
caught by: test_logits, test_chunks, test_foreign_cache
"""


def attend(layer, q, k, v, step):
    q, k = step.rope(q, step.query_positions), step.rope(k, step.position_ids)
    k, v = step.cache.update(layer, k, v, step.position_ids, step.rope)
    return attention(q, k, v, visible(q.shape[2], k.shape[2], step.attention_mask, q.device))
