"""Rotate the values in the model.

en: Your model rotates the values as well. Only queries and keys carry positions.
zh: 你的模型把 value 也旋转了。只有 query 和 key 携带位置信息。
caught by: test_logits, test_chunks
"""


def attend(layer, q, k, v, step):
    q, v = step.rope(q, step.query_positions), step.rope(v, step.position_ids)
    k, v = step.cache.update(layer, k, v, step.position_ids, step.rope)
    return attention(q, k, v, visible(q.shape[2], k.shape[2], step.attention_mask, q.device))
