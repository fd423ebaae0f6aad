"""Ignore the attention_mask argument.

en: The argument attention_mask has no effect: keys with 0 must be hidden from every query.
zh: 参数 attention_mask 没有起作用：值为 0 的 key 应对所有 query 不可见。
caught by: test_attention_mask
"""


class Llama:
    def forward(self, input_ids, attention_mask=None, position_ids=None, cache=None):
        B, S = input_ids.shape
        past = 0 if cache is None else len(cache)
        if position_ids is None:
            position_ids = torch.arange(past, past + S, device=input_ids.device).expand(B, S)
        mask = causal_mask(S, past + S, input_ids.device)[None, None]
        return self.lm_head(self.model(input_ids, position_ids, mask, cache))
