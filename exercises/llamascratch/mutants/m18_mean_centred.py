"""Subtract the mean, as LayerNorm does.

en: You subtract the mean first. That is LayerNorm; RMSNorm only divides by the root mean square.
zh: 你先减去了均值，那是 LayerNorm；RMSNorm 只除以均方根。
caught by: test_rmsnorm_values, test_logits
"""


class RMSNorm:
    def forward(self, x):
        h = x.float() - x.float().mean(-1, keepdim=True)
        h = h * torch.rsqrt(h.square().mean(-1, keepdim=True) + self.eps)
        return self.weight * h.to(x.dtype)
