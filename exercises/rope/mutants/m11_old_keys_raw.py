"""Rotate only the new keys, store and return the old ones raw.

en: PreRopeCache returns its old keys without rotation: all T keys have to be rotated when they are read.
zh: PreRopeCache 返回的旧 key 没有旋转：读取时必须旋转全部 T 个 key。
caught by: test_cache_contract, test_chunks
"""


class PreRopeCache:
    def update(self, layer, k, v, position_ids, rope):
        old = append(self.keys, layer, k)[:, :, : -k.shape[2]]
        return torch.cat((old, rope(k, position_ids)), dim=2), append(self.values, layer, v)
