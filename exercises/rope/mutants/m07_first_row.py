"""Use the first row's positions for all rows.

en: You rotate every row of the batch by the positions of the first row; each row has positions of its
    own.
zh: 你用第一行的位置旋转了批中的每一行；每一行应使用自己的位置。
caught by: test_rope_values, test_padded_batch, test_position_ids
"""


class Rope:
    def __call__(self, x, position_ids):
        return apply_rope(x, position_ids[:1].expand_as(position_ids), self.inv_freq.to(x.device))
