"""Number the columns, padding included.

en: You number the columns, padding included. make_position_ids must count real tokens: the first one of
    each row has position 0. (Generation works all the same, for RoPE sees only the distance between two
    positions, so you lose points only here.)
zh: 你把填充也算进去，给列编了号。make_position_ids 应只数真实 token：每行第一个真实 token 的位置为 0。
    （RoPE 只看两个位置之差，所以生成结果不受影响，只在这一项扣分。）
caught by: test_position_ids
"""


def make_position_ids(attention_mask):
    return torch.arange(attention_mask.shape[1], device=attention_mask.device).expand_as(attention_mask)
