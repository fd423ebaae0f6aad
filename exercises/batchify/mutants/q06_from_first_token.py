"""Count columns from the first real token on.

en: You count columns from the first real token on. Padding may also stand between tokens, and it takes no
    position.
zh: 你从第一个真实 token 起数列号。但填充也可能出现在 token 之间，它不占位置。
caught by: test_position_ids
"""


def make_position_ids(attention_mask):
    columns = torch.arange(attention_mask.shape[1], device=attention_mask.device)
    first = attention_mask.argmax(-1, keepdim=True)
    return (columns - first).clamp(min=0) * attention_mask
