"""Hand out the slots in use only.

en: decode_step hands out a slice of the cache, up to the position: its shape is another one at every
    step, and so is the graph. Hand out all slots and hide the rest by the mask.
zh: decode_step 只取缓存中到 position 为止的切片：每一步形状都不同，计算图也就不同。请返回全部槽位，
    用掩码屏蔽其余部分。
caught by: test_no_breaks
"""


class Step:
    def __len__(self):
        return int(self.position)

    def update(self, layer, k, v):
        keys, values = self.cache.k[layer], self.cache.v[layer]
        keys.index_copy_(2, self.position, k)
        values.index_copy_(2, self.position, v)
        p = int(self.position)
        return keys[:, :, : p + 1], values[:, :, : p + 1]


@torch.no_grad()
def decode_step(model, input_ids, position, cache):
    return model(input_ids, None, position.expand(len(input_ids), 1), Step(cache, position))[:, -1]
