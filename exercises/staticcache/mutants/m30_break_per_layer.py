"""Check the position in every layer.

en: The cache checks the position with an `if` whenever it is updated, that is in every layer: the graph
    is cut into pieces, one or more per layer.
zh: 缓存每次 update 都用 if 检查 position，也就是每一层都检查：计算图被切成了很多段，每层至少一段。
caught by: test_one_graph, test_no_breaks
"""


class Step:
    def update(self, layer, k, v):
        if bool((self.position >= self.cache.k.shape[3]).any()):
            raise ValueError("no slot left")
        keys, values = self.cache.k[layer], self.cache.v[layer]
        keys.index_copy_(2, self.position, k)
        values.index_copy_(2, self.position, v)
        return keys, values
