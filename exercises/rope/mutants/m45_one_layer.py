"""Update layer 0 from every layer.

en: All your layers update layer 0 of the cache, so they see each other's keys.
zh: 你的所有层都在更新缓存的第 0 层，于是互相看到了对方的 key。
caught by: test_logits, test_chunks
"""


def attend(layer, q, k, v, step):
    q = step.rope(q, step.query_positions)
    k, v = step.cache.update(0, k, v, step.position_ids, step.rope)
    return attention(q, k, v, visible(q.shape[2], k.shape[2], step.attention_mask, q.device))
