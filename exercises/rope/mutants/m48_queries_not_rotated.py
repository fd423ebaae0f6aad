"""Leave the queries as they are.

en: Your queries are not rotated; queries and keys both have to be.
zh: 你的 query 没有旋转；query 和 key 都必须旋转。
caught by: test_logits, test_chunks
"""


def attend(layer, q, k, v, step):
    k, v = step.cache.update(layer, k, v, step.position_ids, step.rope)
    return attention(q, k, v, visible(q.shape[2], k.shape[2], step.attention_mask, q.device))
