"""Pair neighbouring features instead of halves.

en: Your Rope pairs feature 2i with 2i + 1, as the RoFormer paper does; Llama's checkpoints pair i with i
    + D/2.
zh: 你的 Rope 按 RoFormer 论文把第 2i 与第 2i + 1 个特征配对；而 Llama 的权重是第 i 与第 i + D/2 个特征
    配对。
caught by: test_rope_values, test_logits
"""


class Rope:
    def __call__(self, x, position_ids):
        angle = position_ids[:, None, :, None].float() * self.inv_freq.to(x.device)
        cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
        a, b = x[..., 0::2], x[..., 1::2]
        return torch.stack((a * cos - b * sin, b * cos + a * sin), dim=-1).flatten(-2)
