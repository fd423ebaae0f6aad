"""Count positions from 0 in every call.

en: With a cache, positions go on where it ends. Yours start at 0 again in every call.
zh: 使用缓存时，位置应接着缓存的末尾往后数；而你每次调用都从 0 重新开始。
caught by: test_cache_chunks, test_cache_isolated, test_generate
"""


class Llama:
    def forward(self, input_ids, attention_mask=None, position_ids=None, cache=None):
        B, S = input_ids.shape
        past = 0 if cache is None else len(cache)
        if position_ids is None:
            position_ids = torch.arange(S, device=input_ids.device).expand(B, S)
        mask = causal_mask(S, past + S, input_ids.device)[None, None]
        if attention_mask is not None:
            mask = mask & attention_mask[:, None, None, :].bool()
        return self.lm_head(self.model(input_ids, position_ids, mask, cache))
