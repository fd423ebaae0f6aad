"""Pad on the right.

en: You pad on the right. Then the last column of a short row is padding, and what you read there is not
    the next token of its prompt. Pad on the left.
zh: 你把填充放在了右边。这样短行的最后一列是填充，从那里读到的并不是提示的下一个 token。应当在左边填充。
caught by: test_pad_batch, test_unequal_lengths, test_own_model, test_batch_sizes, test_random_batches,
    test_eos, test_engine
"""


def pad_batch(token_lists, pad_token_id):
    if not all(token_lists):
        raise ValueError("empty prompt")
    S = max(map(len, token_lists))
    ids = [row + [pad_token_id] * (S - len(row)) for row in token_lists]
    mask = [[1] * len(row) + [0] * (S - len(row)) for row in token_lists]
    return torch.tensor(ids), torch.tensor(mask)
