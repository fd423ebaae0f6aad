"""Add to a slot instead of writing it.

en: decode_step adds to what the slot holds. It works in a new cache, whose slots are zero, and nowhere
    else.
zh: decode_step 是把新值加到槽位原有内容上。只有全零的新缓存才凑巧正确。
caught by: test_poisoned_slots, test_rewind
"""


class Step:
    def update(self, layer, k, v):
        keys, values = self.cache.k[layer], self.cache.v[layer]
        keys.index_add_(2, self.position, k)
        values.index_add_(2, self.position, v)
        return keys, values
