"""Rotate the other way round.

en: Your rotation turns in the opposite direction: check which of the two terms carries the minus sign.
zh: 你的旋转方向反了：请检查两个分量中带负号的究竟是哪一项。
caught by: test_rope_values, test_logits
"""


def apply_rope(x, position_ids, inv_freq):
    angle = position_ids[:, None, :, None].float() * inv_freq
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos + b * sin, b * cos - a * sin), dim=-1)
