"""Write nothing, silently, when there is no slot left.

en: A position beyond the last slot is silently ignored; it must raise an error. (index_copy_ does so by
    itself, a comparison of all slots with the position does not.)
zh: 超出最后一个槽位的位置被悄悄忽略了；应当报错。（index_copy_ 自己会报错，而用“槽位 ==
    position”去选择则不会。）
caught by: test_overflow
"""


class Step:
    def update(self, layer, k, v):
        keys, values = self.cache.k[layer], self.cache.v[layer]
        here = (torch.arange(keys.shape[2], device=k.device) == self.position)[:, None]
        keys.copy_(torch.where(here, k, keys))
        values.copy_(torch.where(here, v, values))
        return keys, values
