"""Write what fits, then raise.

en: prefill raises an error where a prompt does not fit, but has written part of it by then: check before
    you write.
zh: 提示放不下时 prefill 会报错，但那时已经写入了一部分：应先检查，再写入。
caught by: test_overflow
"""


class Prompt:
    def update(self, layer, k, v):
        S, T = k.shape[2], self.cache.k.shape[3]
        self.cache.k[layer, :, :, :S] = k[:, :, :T]
        self.cache.v[layer, :, :, :S] = v[:, :, :T]
        if S > T:
            raise ValueError("the prompt does not fit")
        return k, v


@torch.no_grad()
def prefill(model, input_ids, cache, attention_mask=None):
    S = input_ids.shape[1]
    cache.padding.copy_(0 if attention_mask is None else S - attention_mask.sum(dim=1))
    slots = torch.arange(S, device=input_ids.device)
    position_ids = (slots - cache.padding[:, None]).clamp(min=0)
    return model(input_ids, attention_mask, position_ids, Prompt(cache))[:, -1]
