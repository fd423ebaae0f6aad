"""Ignore the position_ids argument.

en: The argument position_ids is accepted but has no effect.
zh: 参数 position_ids 虽然被接受，却没有起任何作用。
caught by: test_position_ids, test_low_precision_logits
"""


class Llama:
    def forward(self, input_ids, attention_mask=None, position_ids=None, cache=None):
        B, S = input_ids.shape
        past = 0 if cache is None else len(cache)
        position_ids = torch.arange(past, past + S, device=input_ids.device).expand(B, S)
        mask = causal_mask(S, past + S, input_ids.device)[None, None]
        if attention_mask is not None:
            mask = mask & attention_mask[:, None, None, :].bool()
        return self.lm_head(self.model(input_ids, position_ids, mask, cache))
