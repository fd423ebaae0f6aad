"""Use the positions of the first row for all rows.

en: All rows of the batch are rotated by the positions of the first one; each row has its own.
zh: 整个 batch 都用了第一行的位置来旋转；每一行应使用自己的位置。
caught by: test_rope_values, test_position_ids
"""


def apply_rope(x, position_ids, inv_freq):
    angle = position_ids[:1, None, :, None].float() * inv_freq
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)
