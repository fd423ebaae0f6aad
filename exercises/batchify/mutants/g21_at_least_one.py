"""Generate a token even where none is wanted.

en: With max_new_tokens=0 you return a token; every row must then be an empty list, and the model is not
    called.
zh: max_new_tokens=0 时你仍返回了一个 token；此时每行应为空列表，也不调用模型。
caught by: test_edges
"""


@torch.no_grad()
def generate_batch(model, token_lists, max_new_tokens, eos_token_id=None, pad_token_id=0):
    if not token_lists:
        return []
    feed, mask = pad_batch(token_lists, pad_token_id)
    cache, new = KVCache(), [[] for _ in token_lists]
    for _ in range(max(max_new_tokens, 1)):
        position_ids = make_position_ids(mask)[:, -feed.shape[1] :]
        logits = model(feed, attention_mask=mask, position_ids=position_ids, cache=cache)
        feed = logits[:, -1].argmax(-1, keepdim=True)
        mask = torch.cat((mask, torch.ones_like(feed)), dim=1)
        for row, token in zip(new, feed[:, 0].tolist(), strict=True):
            if row[-1:] != [eos_token_id]:
                row.append(token)
        if all(row[-1:] == [eos_token_id] for row in new):
            break
    return new
