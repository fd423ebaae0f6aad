"""Add eps outside the root.

en: You add eps to the root mean square; it belongs under the root: 1 / sqrt(mean(x²) + eps).
zh: 你把 eps 加在了开方之后；它应该在根号里面：1 / sqrt(mean(x²) + eps)。
caught by: test_rmsnorm_eps
"""


class RMSNorm:
    def forward(self, x):
        h = x.float()
        h = h / (h.square().mean(-1, keepdim=True).sqrt() + self.eps)
        return self.weight * h.to(x.dtype)
