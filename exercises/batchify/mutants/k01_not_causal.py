"""Hide padding only.

en: Your mask hides padding but not the future: a query may see keys up to its own column only.
zh: 你的掩码只屏蔽了填充，没有屏蔽未来：query 只能看到自己这一列及之前的 key。
caught by: test_make_mask
"""


def make_mask(attention_mask, num_new):
    return attention_mask[:, None, None, :].bool().repeat(1, 1, num_new, 1)
