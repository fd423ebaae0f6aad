"""Count positions from 0 in every call.

en: By default positions go on where the cache ends; yours start at 0 in every call.
zh: 默认位置应接着缓存的末尾继续；而你每次调用都从 0 开始。
caught by: test_chunks, test_stepwise_positions
"""


class Llama:
    def forward(self, input_ids, attention_mask=None, position_ids=None, cache=None):
        cache = PostRopeCache() if cache is None else cache
        if position_ids is None:
            position_ids = torch.arange(input_ids.shape[1], device=input_ids.device).expand_as(input_ids)
        step = Step(position_ids, cache.query_positions(position_ids), attention_mask, cache, self.rope)
        x = self.model.embed_tokens(input_ids)
        for block in self.model.layers:
            x = block(x, step)
        return self.lm_head(self.model.norm(x))
