"""Replace an empty cache by another one.

en: An empty cache has length 0 and is therefore false: `cache or KVCache()` throws the caller's cache away.
    Compare with None.
zh: 空缓存的长度为 0，因而为假：`cache or KVCache()` 会把调用者传入的缓存丢掉。请与 None 比较。
caught by: test_cache_chunks, test_cache_isolated
"""


class Llama:
    def forward(self, input_ids, attention_mask=None, position_ids=None, cache=None):
        cache = cache or KVCache()
        B, S = input_ids.shape
        past = 0 if cache is None else len(cache)
        if position_ids is None:
            position_ids = torch.arange(past, past + S, device=input_ids.device).expand(B, S)
        mask = causal_mask(S, past + S, input_ids.device)[None, None]
        if attention_mask is not None:
            mask = mask & attention_mask[:, None, None, :].bool()
        return self.lm_head(self.model(input_ids, position_ids, mask, cache))
