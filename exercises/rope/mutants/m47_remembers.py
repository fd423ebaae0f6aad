"""Make one cache for all calls without one.

en: Without a cache your model remembers the tokens of earlier calls: a default value is made only once,
    when the function is defined. Use None.
zh: 没有传入缓存时，你的模型记住了之前调用的 token：默认值只在定义函数时创建一次。请使用 None。
caught by: test_logits, test_position_ids
"""


class Llama:
    def forward(self, input_ids, attention_mask=None, position_ids=None, cache=PostRopeCache()):
        if position_ids is None:
            past, S = len(cache), input_ids.shape[1]
            position_ids = torch.arange(past, past + S, device=input_ids.device).expand_as(input_ids)
        step = Step(position_ids, cache.query_positions(position_ids), attention_mask, cache, self.rope)
        x = self.model.embed_tokens(input_ids)
        for block in self.model.layers:
            x = block(x, step)
        return self.lm_head(self.model.norm(x))
