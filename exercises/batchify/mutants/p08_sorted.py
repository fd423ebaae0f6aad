"""Sort the rows by length.

en: pad_batch must keep the rows in the order in which they came.
zh: pad_batch 应保持各行原来的顺序。
caught by: test_pad_batch, test_unequal_lengths
"""


def pad_batch(token_lists, pad_token_id):
    if not all(token_lists):
        raise ValueError("empty prompt")
    S = max(map(len, token_lists))
    rows = sorted(token_lists, key=len, reverse=True)
    ids = [[pad_token_id] * (S - len(row)) + row for row in rows]
    mask = [[0] * (S - len(row)) + [1] * len(row) for row in rows]
    return torch.tensor(ids), torch.tensor(mask)
