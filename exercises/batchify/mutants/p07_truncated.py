"""Cut all rows to the shortest one.

en: You cut long prompts to the length of the shortest one. Keep all tokens and pad the short rows.
zh: 你把长提示截断到了最短提示的长度。应保留所有 token，并填充短的行。
caught by: test_pad_batch, test_unequal_lengths
"""


def pad_batch(token_lists, pad_token_id):
    if not all(token_lists):
        raise ValueError("empty prompt")
    S = min(map(len, token_lists))
    ids = torch.tensor([row[-S:] for row in token_lists])
    return ids, torch.ones_like(ids)
