"""Ask for the cache's type in the attention layer.

en: Your model asks whether the cache is a PreRopeCache and treats every other as one that wants rotated
    keys. A third kind of cache breaks it: hand raw keys to all of them.
zh: 你的模型询问缓存是否为 PreRopeCache，并把其他缓存都当成需要旋转后 key 的那种。换成第三种缓存就会出错：
    请把未旋转的 key 交给所有缓存。
caught by: test_foreign_cache
"""


class PostRopeCache:
    def update(self, layer, k, v, position_ids, rope):
        return append(self.keys, layer, k), append(self.values, layer, v)


def attend(layer, q, k, v, step):
    q = step.rope(q, step.query_positions)
    if not isinstance(step.cache, PreRopeCache):
        k = step.rope(k, step.position_ids)
    k, v = step.cache.update(layer, k, v, step.position_ids, step.rope)
    return attention(q, k, v, visible(q.shape[2], k.shape[2], step.attention_mask, q.device))
