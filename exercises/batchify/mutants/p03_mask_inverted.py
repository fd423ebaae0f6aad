"""Return a mask in which 1 is padding.

en: Your attention mask is the wrong way round: 1 is a real token, 0 is padding.
zh: 你的 attention_mask 反了：1 表示真实 token，0 表示填充。
caught by: test_pad_batch, test_unequal_lengths, test_own_model
"""


def pad_batch(token_lists, pad_token_id):
    if not all(token_lists):
        raise ValueError("empty prompt")
    S = max(map(len, token_lists))
    ids = [[pad_token_id] * (S - len(row)) + row for row in token_lists]
    mask = [[1] * (S - len(row)) + [0] * len(row) for row in token_lists]
    return torch.tensor(ids), torch.tensor(mask)
