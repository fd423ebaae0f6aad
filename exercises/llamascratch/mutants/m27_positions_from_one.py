"""Rotate the first token, too.

en: You rotate by position + 1: at position 0 apply_rope must change nothing.
zh: 你按 position + 1 旋转：在位置 0 处，apply_rope 不应改变任何值。
caught by: test_rope_identities, test_rope_values
"""


def apply_rope(x, position_ids, inv_freq):
    angle = position_ids[:, None, :, None].float().add(1) * inv_freq
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)
