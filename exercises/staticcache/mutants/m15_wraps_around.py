"""Start over at slot 0 when the cache is full.

en: A position beyond the last slot wraps around to the first ones; it must raise an error.
zh: 超出最后一个槽位的位置被回绕到了开头；应当报错。
caught by: test_overflow
"""


class Step:
    def update(self, layer, k, v):
        keys, values = self.cache.k[layer], self.cache.v[layer]
        slot = self.position % keys.shape[2]
        keys.index_copy_(2, slot, k)
        values.index_copy_(2, slot, v)
        return keys, values
