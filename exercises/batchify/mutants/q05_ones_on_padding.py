"""Give padding the position 1.

en: Padding gets position 0 here. (Some libraries fill in 1.)
zh: 这里填充的位置应为 0。（有些库填的是 1。）
caught by: test_position_ids
"""


def make_position_ids(attention_mask):
    return (attention_mask.cumsum(-1) - 1).masked_fill(attention_mask == 0, 1)
