"""Append new tokens to the lists that were given.

en: You append new tokens to the token lists of the caller. Work on copies.
zh: 你把新 token 追加到了调用者传入的列表里。请在副本上操作。
caught by: test_inputs_unmodified
"""


@torch.no_grad()
def generate_batch(model, token_lists, max_new_tokens, eos_token_id=None, pad_token_id=0):
    if not token_lists:
        return []
    feed, mask = pad_batch(token_lists, pad_token_id)
    cache, new, lengths = KVCache(), token_lists, [len(row) for row in token_lists]
    for _ in range(max_new_tokens):
        position_ids = make_position_ids(mask)[:, -feed.shape[1] :]
        logits = model(feed, attention_mask=mask, position_ids=position_ids, cache=cache)
        feed = logits[:, -1].argmax(-1, keepdim=True)
        mask = torch.cat((mask, torch.ones_like(feed)), dim=1)
        for row, token in zip(new, feed[:, 0].tolist(), strict=True):
            row.append(token)
    return [cut(row[n:], eos_token_id) for row, n in zip(new, lengths, strict=True)]


def cut(row, eos_token_id):
    return row[: row.index(eos_token_id) + 1] if eos_token_id in row else row
