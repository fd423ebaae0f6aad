"""Store rotated keys in SinkCache and rotate them again.

en: SinkCache rotates keys that are rotated already. Since places change in every step, store keys without
    rotation.
zh: SinkCache 把已经旋转过的 key 又旋转了一次。既然次序每一步都变，就应存储未旋转的 key。
caught by: test_sink_kept, test_sink_stream
"""


class SinkCache:
    def update(self, layer, k, v, position_ids, rope):
        self.seen[layer] = self.seen.get(layer, 0) + k.shape[2]
        keys, values = self._keep(self.keys, layer, k), self._keep(self.values, layer, v)
        positions = torch.arange(keys.shape[2], device=k.device).expand(k.shape[0], -1)
        keys = rope(keys, positions)
        self.keys[layer] = self._trim(keys, self.sinks + self.window)
        return keys, values
