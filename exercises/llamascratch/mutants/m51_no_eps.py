"""Leave eps out.

en: Your RMSNorm leaves eps out: small features come out too large, and a row of zeros becomes NaN.
zh: 你的 RMSNorm 漏掉了 eps：很小的特征会被放得过大，全零的行会变成 NaN。
caught by: test_rmsnorm_eps
"""


class RMSNorm:
    def forward(self, x):
        h = x.float()
        h = h * torch.rsqrt(h.square().mean(-1, keepdim=True))
        return self.weight * h.to(x.dtype)
