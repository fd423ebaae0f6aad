"""Count positions from 1.

en: Your positions start at 1; the first real token of a row has position 0.
zh: 你的位置从 1 开始；每行第一个真实 token 的位置应为 0。
caught by: test_position_ids
"""


def make_position_ids(attention_mask):
    return attention_mask.cumsum(-1) * attention_mask
