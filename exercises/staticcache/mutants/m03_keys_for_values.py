"""Swap keys and values in decoding.

en: decode_step writes the value into k and the key into v.
zh: decode_step 把 value 写进了 k，把 key 写进了 v。
caught by: test_decode_logits, test_slots_written
"""


class Step:
    def update(self, layer, k, v):
        keys, values = self.cache.k[layer], self.cache.v[layer]
        keys.index_copy_(2, self.position, v)
        values.index_copy_(2, self.position, k)
        return keys, values
