"""Leave out the last norm.

en: The last RMSNorm, model.norm, is missing before lm_head.
zh: 在 lm_head 之前缺少最后一个 RMSNorm（model.norm）。
caught by: test_logits
"""


class Decoder:
    def forward(self, input_ids, position_ids, mask, cache):
        inv_freq = rope_inv_freq(self.config).to(input_ids.device)
        x = self.embed_tokens(input_ids)
        for block in self.layers:
            x = block(x, position_ids, inv_freq, mask, cache)
        return x
