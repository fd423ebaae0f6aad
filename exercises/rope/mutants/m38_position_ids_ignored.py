"""Always take positions from the length of the cache.

en: Your model ignores position_ids and counts positions from len(cache).
zh: 你的模型忽略了 position_ids，而是从 len(cache) 开始数位置。
caught by: test_position_ids, test_stepwise_positions
"""


class Llama:
    def forward(self, input_ids, attention_mask=None, position_ids=None, cache=None):
        cache = PostRopeCache() if cache is None else cache
        past, S = len(cache), input_ids.shape[1]
        position_ids = torch.arange(past, past + S, device=input_ids.device).expand_as(input_ids)
        step = Step(position_ids, cache.query_positions(position_ids), attention_mask, cache, self.rope)
        x = self.model.embed_tokens(input_ids)
        for block in self.model.layers:
            x = block(x, step)
        return self.lm_head(self.model.norm(x))
