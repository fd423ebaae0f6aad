"""Rotate the values in the caches, too.

en: Your caches rotate the values as well. Only queries and keys carry positions.
zh: 你的缓存把 value 也旋转了。只有 query 和 key 携带位置信息。
caught by: test_cache_contract, test_chunks
"""


class PostRopeCache:
    def update(self, layer, k, v, position_ids, rope):
        return (
            append(self.keys, layer, rope(k, position_ids)),
            append(self.values, layer, rope(v, position_ids)),
        )


class PreRopeCache:
    def update(self, layer, k, v, position_ids, rope):
        positions = append(self.positions, layer, position_ids, dim=1)
        return rope(append(self.keys, layer, k), positions), rope(append(self.values, layer, v), positions)
