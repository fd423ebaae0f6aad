"""Count positions from the mask even where they are given.

en: Where there is an attention_mask, your model counts positions from it and ignores the position_ids that it
    was given. Given ones are used as they are.
zh: 只要有 attention_mask，你的模型就用它来数位置，而忽略了传入的 position_ids。传入的位置应原样使用。
caught by: test_position_ids, test_stepwise_positions
"""


class Llama:
    def forward(self, input_ids, attention_mask=None, position_ids=None, cache=None):
        cache = PostRopeCache() if cache is None else cache
        if attention_mask is not None and attention_mask.dim() == 2:
            position_ids = (attention_mask.cumsum(-1) - 1).clamp(min=0)[:, -input_ids.shape[1] :]
        elif position_ids is None:
            past, S = len(cache), input_ids.shape[1]
            position_ids = torch.arange(past, past + S, device=input_ids.device).expand_as(input_ids)
        step = Step(position_ids, cache.query_positions(position_ids), attention_mask, cache, self.rope)
        x = self.model.embed_tokens(input_ids)
        for block in self.model.layers:
            x = block(x, step)
        return self.lm_head(self.model.norm(x))
