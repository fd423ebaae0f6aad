"""Compute the norm in the dtype of the input.

en: You square half-precision numbers in half precision; fp16 overflows above 65504. Normalise in float32
    and cast back.
zh: 你在半精度下直接求平方，fp16 超过 65504 就会溢出。请先转成 float32 做归一化，再转回原 dtype。
caught by: test_rmsnorm_half_range
"""


class RMSNorm:
    def forward(self, x):
        h = x
        h = h * torch.rsqrt(h.square().mean(-1, keepdim=True) + self.eps)
        return self.weight * h.to(x.dtype)
