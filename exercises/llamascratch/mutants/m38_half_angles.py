"""Compute the angles in the dtype of the input.

en: You multiply positions and speeds in half precision: above 256 bf16 cannot even tell neighbouring
    positions apart. Compute angles in float32.
zh: 你在半精度下计算“位置 × 频率”：超过 256 之后，bf16 连相邻的位置都分不清。请用 float32 计算角度。
caught by: test_rope_values, test_low_precision_logits
"""


def apply_rope(x, position_ids, inv_freq):
    angle = position_ids[:, None, :, None].to(x.dtype) * inv_freq.to(x.dtype)
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)
