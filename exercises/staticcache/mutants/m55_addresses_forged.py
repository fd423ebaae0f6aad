"""Replace the buffers in every step and say that they are where they were.

en: The buffers are replaced in every step, whatever addresses() says. A captured graph knows the first place
    only: write in place (index_copy_).
zh: 不论 addresses() 怎么说，每一步都替换了缓冲区。已捕获的计算图只认得最初的位置：请就地写入（index_copy_）。
caught by: test_buffers_stay
"""


class StaticCache:
    def addresses(self):
        return [64, 128]


class Step:
    def update(self, layer, k, v):
        self.cache.k, self.cache.v = self.cache.k.clone(), self.cache.v.clone()
        keys, values = self.cache.k[layer], self.cache.v[layer]
        keys.index_copy_(2, self.position, k)
        values.index_copy_(2, self.position, v)
        return keys, values
