"""Treat one known cache specially, and all others by the protocol.

en: Your attention asks what kind of cache it got before it decides who rotates. It works, and must be
    changed for every new kind: let the cache do it.
zh: 你的注意力层先询问缓存是哪一种，再决定由谁旋转。这样虽然能用，但每增加一种缓存都要修改：请交给缓存去
    做。
caught by: test_no_branching
"""


def attend(layer, q, k, v, step):
    q = step.rope(q, step.query_positions)
    if hasattr(step.cache, "rotated_keys"):
        k = step.rope(k, step.position_ids)
        k, v = step.cache.update(layer, k, v, step.position_ids, lambda x, where: x)
    else:
        k, v = step.cache.update(layer, k, v, step.position_ids, step.rope)
    return attention(q, k, v, visible(q.shape[2], k.shape[2], step.attention_mask, q.device))
