"""Store raw keys in PostRopeCache and rotate all of them in every step.

en: PostRopeCache rotates all its keys again in every update. Its point is that a key is rotated only
    once.
zh: PostRopeCache 每次 update 都重新旋转全部 key。它的意义正在于每个 key 只旋转一次。
caught by: test_post_stores_rotated
"""


class PostRopeCache:
    def __init__(self):
        self.keys, self.values, self.positions, self.rotated = {}, {}, {}, {}

    def update(self, layer, k, v, position_ids, rope):
        keys = append(self.keys, layer, k)
        self.rotated[layer] = rope(keys, append(self.positions, layer, position_ids, dim=1))
        return self.rotated[layer], append(self.values, layer, v)

    def rotated_keys(self, layer):
        return self.rotated[layer]
