"""Return int32 positions.

en: Position ids are int64.
zh: 位置应为 int64。
caught by: test_position_ids
"""


def make_position_ids(attention_mask):
    return ((attention_mask.cumsum(-1) - 1) * attention_mask).int()
