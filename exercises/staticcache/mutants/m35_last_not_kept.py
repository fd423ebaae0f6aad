"""Keep all tokens of the prompt but the last.

en: prefill does not keep the last token of the prompt in the cache.
zh: prefill 没有把提示的最后一个 token 存入缓存。
caught by: test_decode_logits, test_slots_written
"""


class Prompt:
    def update(self, layer, k, v):
        S = k.shape[2] - 1
        self.cache.k[layer, :, :, :S] = k[:, :, :S]
        self.cache.v[layer, :, :, :S] = v[:, :, :S]
        return k, v
