"""Pair neighbouring features instead of halves.

en: Your rotation pairs feature 2i with 2i+1, as the RoFormer paper does; Llama checkpoints pair feature i
    with i + D/2.
zh: 你的旋转按 RoFormer 论文的方式把第 2i 与第 2i+1 个特征配对；而 Llama 的权重是按第 i 与第 i + D/2
    个特征配对的。
caught by: test_rope_values, test_logits
"""


def apply_rope(x, position_ids, inv_freq):
    angle = position_ids[:, None, :, None].float() * inv_freq
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., 0::2], x[..., 1::2]
    return torch.stack((a * cos - b * sin, b * cos + a * sin), dim=-1).flatten(-2)
