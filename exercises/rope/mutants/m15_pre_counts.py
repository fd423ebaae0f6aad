"""Rotate stored keys to 0 ... T - 1, whatever position_ids said.

en: PreRopeCache rotates keys to 0, 1, 2, ...; it has to keep the position_ids that came with them.
zh: PreRopeCache 把 key 旋转到 0, 1, 2, …；它应当记住随 key 一起传入的 position_ids。
caught by: test_cache_contract, test_padded_batch, test_position_ids
"""


class PreRopeCache:
    def update(self, layer, k, v, position_ids, rope):
        keys = append(self.keys, layer, k)
        positions = torch.arange(keys.shape[2], device=k.device).expand(keys.shape[0], -1)
        return rope(keys, positions), append(self.values, layer, v)
