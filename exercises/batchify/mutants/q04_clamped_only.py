"""Clamp at 0, so that padding behind tokens gets the last position.

en: Clamping cumsum - 1 at 0 works for padding on the left only: padding behind or between tokens gets the
    position of the token before it, not 0.
zh: 把 cumsum - 1 截断到 0 只适用于左填充：在 token 之后或之间的填充会得到前一个 token 的位置，而不是 0。
caught by: test_position_ids
"""


def make_position_ids(attention_mask):
    return (attention_mask.cumsum(-1) - 1).clamp(min=0)
