"""Return float32 logits from a half-precision model.

en: The logits of a half-precision model must have its dtype; yours are float32.
zh: 半精度模型的 logits 应与模型的 dtype 一致；你的却是 float32。
caught by: test_low_precision_logits, test_checkpoints
"""


class Llama:
    def forward(self, input_ids, attention_mask=None, position_ids=None, cache=None):
        B, S = input_ids.shape
        past = 0 if cache is None else len(cache)
        if position_ids is None:
            position_ids = torch.arange(past, past + S, device=input_ids.device).expand(B, S)
        mask = causal_mask(S, past + S, input_ids.device)[None, None]
        if attention_mask is not None:
            mask = mask & attention_mask[:, None, None, :].bool()
        return self.lm_head(self.model(input_ids, position_ids, mask, cache)).float()
