"""Give the buffers new memory in every step; they stay the same objects.

en: Your step does not work on the buffers that the cache was made with: it gives k and v new memory
    (.data, set_). A captured graph knows the first place only. Write in place (index_copy_).
zh: 你的解码步骤没有使用缓存创建时的缓冲区：它给 k 与 v 换了新的内存（.data、set_）。
    已捕获的计算图只认得最初的位置。请就地写入（index_copy_）。
caught by: test_buffers_stay
"""


class Step:
    def update(self, layer, k, v):
        self.cache.k.data, self.cache.v.data = self.cache.k.clone(), self.cache.v.clone()
        keys, values = self.cache.k[layer], self.cache.v[layer]
        keys.index_copy_(2, self.position, k)
        values.index_copy_(2, self.position, v)
        return keys, values
