"""Use a fixed eps.

en: Your RMSNorm uses an eps of its own instead of the one it was given.
zh: 你的 RMSNorm 用了写死的 eps，而没有使用传入的 eps。
caught by: test_rmsnorm_eps
"""


class RMSNorm:
    def forward(self, x):
        h = x.float()
        h = h * torch.rsqrt(h.square().mean(-1, keepdim=True) + 1e-6)
        return self.weight * h.to(x.dtype)
