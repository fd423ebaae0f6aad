"""Read a flag of the cache in the attention layer.

en: Your attention reads a flag of the cache to decide who rotates. A cache without the flag gets rotated
    keys: hand raw keys to all of them.
zh: 你的注意力层读取缓存上的一个标志来决定由谁旋转。没有这个标志的缓存拿到的是旋转过的 key：请把未旋转的 key
    交给所有缓存。
caught by: test_foreign_cache, test_forgetful_cache
"""


class PreRopeCache:
    stores_raw = True


class SinkCache:
    stores_raw = True


class PostRopeCache:
    def update(self, layer, k, v, position_ids, rope):
        return append(self.keys, layer, k), append(self.values, layer, v)


def attend(layer, q, k, v, step):
    q = step.rope(q, step.query_positions)
    if not (hasattr(step.cache, "stores_raw") and step.cache.stores_raw):
        k = step.rope(k, step.position_ids)
    k, v = step.cache.update(layer, k, v, step.position_ids, step.rope)
    return attention(q, k, v, visible(q.shape[2], k.shape[2], step.attention_mask, q.device))
