"""Keep all layers in the slots of layer 0.

en: All layers share the slots of one layer: index the buffers by the layer, in prefill and in
    decode_step.
zh: 所有层共用了同一层的槽位：在 prefill 与 decode_step 中都要用层号去索引缓冲区。
caught by: test_decode_logits, test_slots_written
"""


class Prompt:
    def update(self, layer, k, v):
        S = k.shape[2]
        self.cache.k[0, :, :, :S] = k
        self.cache.v[0, :, :, :S] = v
        return k, v


class Step:
    def update(self, layer, k, v):
        keys, values = self.cache.k[0], self.cache.v[0]
        keys.index_copy_(2, self.position, k)
        values.index_copy_(2, self.position, v)
        return keys, values
