"""Turn the other way round.

en: Your Rope turns by minus the angle: check the signs of the two sine terms.
zh: 你的 Rope 旋转方向反了：请检查两个 sin 项的正负号。
caught by: test_rope_values, test_logits
"""


class Rope:
    def __call__(self, x, position_ids):
        return apply_rope(x, position_ids, -self.inv_freq.to(x.device))
