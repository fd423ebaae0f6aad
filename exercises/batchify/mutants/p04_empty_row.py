"""Accept a prompt without tokens.

en: A prompt without tokens must raise ValueError: there is nothing to continue, and its row would be
    padding only.
zh: 没有任何 token 的提示应抛出 ValueError：没有可以续写的内容，而且该行将全是填充。
caught by: test_pad_batch, test_edges
"""


def pad_batch(token_lists, pad_token_id):
    S = max(map(len, token_lists))
    ids = [[pad_token_id] * (S - len(row)) + row for row in token_lists]
    mask = [[0] * (S - len(row)) + [1] * len(row) for row in token_lists]
    return torch.tensor(ids), torch.tensor(mask)
