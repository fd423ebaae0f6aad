"""Clear the rest of the cache in prefill.

en: prefill writes slots beyond the prompt, too; those are not its business.
zh: prefill 还改写了提示之后的槽位；那些槽位不归它管。
caught by: test_slots_written
"""


class Prompt:
    def update(self, layer, k, v):
        S = k.shape[2]
        self.cache.k[layer].zero_()
        self.cache.v[layer].zero_()
        self.cache.k[layer, :, :, :S] = k
        self.cache.v[layer, :, :, :S] = v
        return k, v
