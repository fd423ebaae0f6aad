"""Feed the first row's token to all rows.

en: All rows are fed the token of the first one. Each row goes on with its own.
zh: 所有行输入的都是第一行的 token。每行应接着输入自己的 token。
caught by: test_unequal_lengths, test_own_model
"""


@torch.no_grad()
def generate_batch(model, token_lists, max_new_tokens, eos_token_id=None, pad_token_id=0):
    if not token_lists:
        return []
    feed, mask = pad_batch(token_lists, pad_token_id)
    cache, new = KVCache(), [[] for _ in token_lists]
    for _ in range(max_new_tokens):
        position_ids = make_position_ids(mask)[:, -feed.shape[1] :]
        logits = model(feed, attention_mask=mask, position_ids=position_ids, cache=cache)
        feed = logits[:, -1].argmax(-1, keepdim=True)
        mask, said = torch.cat((mask, torch.ones_like(feed)), dim=1), feed[:, 0].tolist()
        feed = feed[:1].repeat(len(new), 1)
        for row, token in zip(new, said, strict=True):
            if row[-1:] != [eos_token_id]:
                row.append(token)
        if all(row[-1:] == [eos_token_id] for row in new):
            break
    return new
