"""Cast the speeds with the model.

en: Your rotation speeds are cast with the model: `.to(torch.bfloat16)` rounds them. Keep them in float32.
zh: 你的旋转频率随模型一起转换：`.to(torch.bfloat16)` 会把它们舍入。请让它们始终保持 float32。
caught by: test_low_precision
"""


class Llama:
    def to(self, target):
        self.rope.inv_freq = self.rope.inv_freq.to(target)
        return super().to(target)
