"""Share one store among all layers.

en: Every layer needs keys and values of its own; yours write into the same store.
zh: 每一层都需要各自的 key 和 value；而你的各层写进了同一个存储。
caught by: test_cache_contract, test_cache_chunks, test_cache_isolated
"""


class KVCache:
    def update(self, layer, k, v):
        layer = 0
        if layer in self.keys:
            k = torch.cat((self.keys[layer], k), dim=2)
            v = torch.cat((self.values[layer], v), dim=2)
        self.keys[layer], self.values[layer] = k, v
        return k, v
