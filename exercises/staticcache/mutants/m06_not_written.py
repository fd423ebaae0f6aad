"""Attend with the new key and value, but do not keep them.

en: decode_step sees its own key and value but does not write them into the buffers: later steps miss
    them. `index_copy` returns a new tensor, `index_copy_` writes.
zh: decode_step 用到了自己的 key 与 value，却没有写进缓冲区，之后的步骤就看不到它们。index_copy
    返回新张量，index_copy_ 才是就地写入。
caught by: test_decode_logits, test_slots_written
"""


class Step:
    def update(self, layer, k, v):
        keys, values = self.cache.k[layer], self.cache.v[layer]
        return keys.index_copy(2, self.position, k), values.index_copy(2, self.position, v)
