"""Compute angles in the dtype of x.

en: You compute angles in half precision, which cannot even count positions beyond 256. Angles are
    float32.
zh: 你用半精度计算角度，而半精度连 256 以上的位置都数不准。角度应为 float32。
caught by: test_rope_values, test_low_precision
"""


class Rope:
    def __call__(self, x, position_ids):
        angle = position_ids[:, None, :, None].to(x.dtype) * self.inv_freq.to(x.device).to(x.dtype)
        a, b = x.chunk(2, dim=-1)
        return torch.cat((a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()), dim=-1)
