"""Make PostRopeCache the same thing as PreRopeCache.

en: PostRopeCache stores raw keys, so it is PreRopeCache under another name. It has to store keys after
    rotation.
zh: PostRopeCache 存的是未旋转的 key，等于换了名字的 PreRopeCache。它应当存储旋转后的 key。
caught by: test_post_stores_rotated
"""


class PostRopeCache:
    def __init__(self):
        self.keys, self.values, self.positions = {}, {}, {}

    def update(self, layer, k, v, position_ids, rope):
        positions = append(self.positions, layer, position_ids, dim=1)
        return rope(append(self.keys, layer, k), positions), append(self.values, layer, v)
