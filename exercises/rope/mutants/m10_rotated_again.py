"""Rotate stored keys again whenever they are read.

en: PostRopeCache rotates keys that are rotated already. It turns new keys once, when they arrive.
zh: PostRopeCache 把已经旋转过的 key 又旋转了一次。它只应在新 key 到来时旋转一次。
caught by: test_cache_contract, test_chunks
"""


class PostRopeCache:
    def update(self, layer, k, v, position_ids, rope):
        k = rope(k, position_ids)
        if layer in self.keys:
            past = self.keys[layer].shape[2]
            where = torch.arange(past, device=k.device).expand(k.shape[0], past)
            k = torch.cat((rope(self.keys[layer], where), k), dim=2)
        self.keys[layer] = k
        return k, append(self.values, layer, v)
