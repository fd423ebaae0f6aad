"""Replace the buffers in every step.

en: decode_step replaces k and v by changed copies. A copy of the whole cache per token is slow, and a
    captured graph writes to the old place: write in place (index_copy_).
zh: decode_step 每一步都用修改过的副本替换 k 与 v。每个 token
    复制整个缓存很慢，已捕获的计算图也只会写旧地址：请就地写入（index_copy_）。
caught by: test_buffers_stay
"""


class Step:
    def update(self, layer, k, v):
        keys = self.cache.k[layer].index_copy(2, self.position, k)
        values = self.cache.v[layer].index_copy(2, self.position, v)
        self.cache.k = torch.cat((self.cache.k[:layer], keys[None], self.cache.k[layer + 1 :]))
        self.cache.v = torch.cat((self.cache.v[:layer], values[None], self.cache.v[layer + 1 :]))
        return keys, values
