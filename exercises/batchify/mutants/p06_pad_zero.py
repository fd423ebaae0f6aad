"""Pad with 0 whatever pad_token_id is.

en: You pad with 0; pad with the pad_token_id that is passed in.
zh: 你总是用 0 填充；应使用传入的 pad_token_id。
caught by: test_pad_batch
"""


def pad_batch(token_lists, pad_token_id):
    if not all(token_lists):
        raise ValueError("empty prompt")
    S = max(map(len, token_lists))
    ids = [[0] * (S - len(row)) + row for row in token_lists]
    mask = [[0] * (S - len(row)) + [1] * len(row) for row in token_lists]
    return torch.tensor(ids), torch.tensor(mask)
