"""Skip one position after the prompt.

en: After the prompt your positions are one too high: the first new token has position len(cache), not
    len(cache) + 1.
zh: 提示之后的位置都多了 1：第一个新 token 的位置是 len(cache)，而不是 len(cache) + 1。
caught by: test_cache_chunks, test_cache_isolated
"""


class Llama:
    def forward(self, input_ids, attention_mask=None, position_ids=None, cache=None):
        B, S = input_ids.shape
        past = 0 if cache is None else len(cache)
        if position_ids is None:
            first = past + (past > 0)
            position_ids = torch.arange(first, first + S, device=input_ids.device).expand(B, S)
        mask = causal_mask(S, past + S, input_ids.device)[None, None]
        if attention_mask is not None:
            mask = mask & attention_mask[:, None, None, :].bool()
        return self.lm_head(self.model(input_ids, position_ids, mask, cache))
