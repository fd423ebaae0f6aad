"""Count updates instead of tokens.

en: len(cache) of PreRopeCache counts chunks. Count tokens.
zh: PreRopeCache 的 len(cache) 数的是段数。应当数 token 数。
caught by: test_cache_contract, test_chunks
"""


class PreRopeCache:
    def __len__(self):
        return self.chunks

    def __init__(self):
        self.keys, self.values, self.positions, self.chunks = {}, {}, {}, 0

    def update(self, layer, k, v, position_ids, rope):
        self.chunks += layer == 0
        positions = append(self.positions, layer, position_ids, dim=1)
        return rope(append(self.keys, layer, k), positions), append(self.values, layer, v)
