"""Keep the positions of the last chunk only, and count back from them.

en: PreRopeCache works out the positions of old keys from the newest one; positions may have gaps, so
    store them.
zh: PreRopeCache 由最新的位置倒推旧 key 的位置；位置之间可能有间隔，所以必须存下来。
caught by: test_cache_contract, test_position_ids, test_stepwise_positions
"""


class PreRopeCache:
    def update(self, layer, k, v, position_ids, rope):
        keys = append(self.keys, layer, k)
        back = torch.arange(keys.shape[2] - 1, -1, -1, device=k.device)
        return rope(keys, position_ids[:, -1:] - back), append(self.values, layer, v)
