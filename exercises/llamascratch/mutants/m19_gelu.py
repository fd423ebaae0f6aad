"""Use GELU instead of SiLU.

en: Your MLP uses GELU; Llama uses SiLU, x * sigmoid(x).
zh: 你的 MLP 用了 GELU；Llama 用的是 SiLU，即 x * sigmoid(x)。
caught by: test_mlp_values, test_logits
"""


class MLP:
    def forward(self, x):
        return self.down_proj(nn.functional.gelu(self.gate_proj(x)) * self.up_proj(x))
