"""Apply SiLU to the up projection.

en: gate and up are swapped: SiLU goes around the gate projection.
zh: gate 与 up 弄反了：SiLU 应作用在 gate 投影上。
caught by: test_mlp_values, test_logits
"""


class MLP:
    def forward(self, x):
        return self.down_proj(nn.functional.silu(self.up_proj(x)) * self.gate_proj(x))
