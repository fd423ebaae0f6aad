"""Give padding the position -1.

en: Padding gets position 0, not -1: cumsum - 1 alone is not enough.
zh: 填充的位置应为 0，而不是 -1：只做 cumsum - 1 还不够。
caught by: test_position_ids
"""


def make_position_ids(attention_mask):
    return attention_mask.cumsum(-1) - 1
