"""Multiply by 1 + weight, as Gemma does.

en: You multiply by 1 + weight. That is Gemma; Llama multiplies by weight.
zh: 你乘的是 1 + weight，那是 Gemma 的做法；Llama 直接乘 weight。
caught by: test_rmsnorm_values, test_logits
"""


class RMSNorm:
    def forward(self, x):
        h = x.float()
        h = h * torch.rsqrt(h.square().mean(-1, keepdim=True) + self.eps)
        return (1 + self.weight) * h.to(x.dtype)
