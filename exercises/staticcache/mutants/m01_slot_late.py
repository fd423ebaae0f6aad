"""Write one slot too far.

en: decode_step writes its key and value one slot too far: the token at position p belongs into slot p.
zh: decode_step 把 key 与 value 写到了后一个槽位：位置 p 的 token 应写入槽位 p。
caught by: test_decode_logits, test_slots_written, test_poisoned_slots, test_rewind
"""


class Step:
    def update(self, layer, k, v):
        keys, values = self.cache.k[layer], self.cache.v[layer]
        slot = (self.position + 1).clamp(max=keys.shape[2] - 1)
        keys.index_copy_(2, slot, k)
        values.index_copy_(2, slot, v)
        return keys, values
