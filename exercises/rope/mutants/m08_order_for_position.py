"""Count positions inside Rope.

en: Your Rope counts 0, 1, 2, ... by itself and does not use position_ids.
zh: 你的 Rope 自己从 0, 1, 2, … 数位置，没有使用 position_ids。
caught by: test_rope_values, test_chunks, test_position_ids
"""


class Rope:
    def __call__(self, x, position_ids):
        order = torch.arange(position_ids.shape[1], device=x.device).expand_as(position_ids)
        return apply_rope(x, order, self.inv_freq.to(x.device))
