"""Return a bool attention mask.

en: attention_mask is int64 with the values 0 and 1, as Llama takes it; only masks inside attention are
    bool.
zh: attention_mask 应为取值 0 和 1 的 int64，与 Llama 的约定一致；只有注意力内部的掩码才是 bool。
caught by: test_pad_batch
"""


def pad_batch(token_lists, pad_token_id):
    if not all(token_lists):
        raise ValueError("empty prompt")
    S = max(map(len, token_lists))
    ids = [[pad_token_id] * (S - len(row)) + row for row in token_lists]
    mask = [[False] * (S - len(row)) + [True] * len(row) for row in token_lists]
    return torch.tensor(ids), torch.tensor(mask)
