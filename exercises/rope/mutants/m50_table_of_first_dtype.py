"""Make the table of rotations in the dtype of the first input, and keep it.

en: Your Rope makes its table of cosines and sines in the dtype of the first input and keeps that: after a
    call in bf16 it is too coarse for float32. Keep the table in float32.
zh: 你的 Rope 按第一次输入的 dtype 建立余弦与正弦表，之后一直沿用：先用 bf16 调用过，float32 的结果就太粗糙。
    请用 float32 保存这张表。
caught by: test_rope_values
"""


class Rope:
    def __init__(self, config):
        self.inv_freq, self.table = rope_inv_freq(config), None

    def __call__(self, x, position_ids):
        if self.table is None:
            angles = torch.arange(120_000)[:, None] * self.inv_freq
            self.table = angles.cos().to(x), angles.sin().to(x)
        cos, sin = (t[position_ids][:, None].to(x.dtype) for t in self.table)
        a, b = x.chunk(2, dim=-1)
        return torch.cat((a * cos - b * sin, b * cos + a * sin), dim=-1)
