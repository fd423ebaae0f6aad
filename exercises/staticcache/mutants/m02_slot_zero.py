"""Write every token to slot 0.

en: decode_step writes every token to slot 0, over the first token of the prompt.
zh: decode_step 把每个 token 都写进了槽位 0，覆盖了提示的第一个 token。
caught by: test_decode_logits, test_slots_written, test_poisoned_slots
"""


class Step:
    def update(self, layer, k, v):
        keys, values = self.cache.k[layer], self.cache.v[layer]
        keys.index_copy_(2, self.position * 0, k)
        values.index_copy_(2, self.position * 0, v)
        return keys, values
