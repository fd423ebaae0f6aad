"""Feed attention and MLP from the same input.

en: Your MLP reads the input of the block. It must read the stream after attention was added to it.
zh: 你的 MLP 读取的是整个 block 的输入；它应该读取加上注意力输出之后的残差流。
caught by: test_logits
"""


class Block:
    def forward(self, x, position_ids, inv_freq, mask, cache):
        mixed = self.self_attn(self.input_layernorm(x), position_ids, inv_freq, mask, cache)
        return x + mixed + self.mlp(self.post_attention_layernorm(x))
