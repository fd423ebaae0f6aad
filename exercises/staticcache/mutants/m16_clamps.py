"""Write what does not fit to the last slot.

en: A position beyond the last slot is clamped to the last one; it must raise an error.
zh: 超出最后一个槽位的位置被夹到了最后一个槽位；应当报错。
caught by: test_overflow
"""


class Step:
    def update(self, layer, k, v):
        keys, values = self.cache.k[layer], self.cache.v[layer]
        slot = self.position.clamp(max=keys.shape[2] - 1)
        keys.index_copy_(2, slot, k)
        values.index_copy_(2, slot, v)
        return keys, values
