"""Have no rotation for the last position.

en: The last position the model allows, max_position_embeddings - 1, is not rotated rightly: is your table
    one row short?
zh: 模型允许的最后一个位置 max_position_embeddings - 1 旋转得不对：你的表是不是少了一行？
caught by: test_degenerate_shapes
"""


class Decoder:
    def forward(self, input_ids, position_ids, mask, cache):
        inv_freq = rope_inv_freq(self.config).to(input_ids.device)
        position_ids = position_ids.clamp(max=self.config.max_position_embeddings - 2)
        x = self.embed_tokens(input_ids)
        for block in self.layers:
            x = block(x, position_ids, inv_freq, mask, cache)
        return self.norm(x)
