"""Derive the mask from the pad token.

en: Your mask hides every token that equals the pad token. That token may also occur in a prompt: make the
    mask from the lengths of the rows.
zh: 你的掩码把所有等于填充 token 的位置都屏蔽了。但提示里也可能出现这个 token：掩码应由各行的长度得到。
caught by: test_pad_batch, test_unequal_lengths
"""


def pad_batch(token_lists, pad_token_id):
    if not all(token_lists):
        raise ValueError("empty prompt")
    S = max(map(len, token_lists))
    ids = torch.tensor([[pad_token_id] * (S - len(row)) + row for row in token_lists])
    return ids, (ids != pad_token_id).long()
