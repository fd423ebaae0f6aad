"""Make PreRopeCache the same thing as PostRopeCache.

en: PreRopeCache stores rotated keys, so it is PostRopeCache under another name. It has to store keys as
    they came.
zh: PreRopeCache 存的是旋转后的 key，等于换了名字的 PostRopeCache。它应当原样存储 key。
caught by: test_pre_stores_raw
"""


class PreRopeCache:
    def update(self, layer, k, v, position_ids, rope):
        return append(self.keys, layer, rope(k, position_ids)), append(self.values, layer, v)
