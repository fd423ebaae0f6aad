"""Put new keys before the old ones.

en: The cache must return the oldest token first; yours puts new keys and values in front.
zh: 缓存返回的应是最早的 token 在前；而你把新的 key 和 value 放在了前面。
caught by: test_cache_contract, test_cache_chunks, test_cache_isolated
"""


class KVCache:
    def update(self, layer, k, v):
        if layer in self.keys:
            k = torch.cat((k, self.keys[layer]), dim=2)
            v = torch.cat((v, self.values[layer]), dim=2)
        self.keys[layer], self.values[layer] = k, v
        return k, v
