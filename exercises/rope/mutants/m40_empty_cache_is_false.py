"""Replace an empty cache by another one.

en: An empty cache has length 0 and is therefore false: `cache or PostRopeCache()` throws the caller's
    cache away. Compare with None.
zh: 空缓存的长度为 0，因而为假：`cache or PostRopeCache()` 会把调用者传入的缓存丢掉。请与 None 比较。
caught by: test_chunks, test_stepwise_positions
"""


class Llama:
    def forward(self, input_ids, attention_mask=None, position_ids=None, cache=None):
        cache = cache or PostRopeCache()
        if position_ids is None:
            past, S = len(cache), input_ids.shape[1]
            position_ids = torch.arange(past, past + S, device=input_ids.device).expand_as(input_ids)
        step = Step(position_ids, cache.query_positions(position_ids), attention_mask, cache, self.rope)
        x = self.model.embed_tokens(input_ids)
        for block in self.model.layers:
            x = block(x, step)
        return self.lm_head(self.model.norm(x))
