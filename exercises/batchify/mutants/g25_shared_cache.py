"""Keep one cache for all calls.

en: The cache outlives the call, as a default argument or a global does: the next batch sees the keys of
    this one. Make a new KVCache in every call.
zh: 缓存在调用结束后仍然存在（例如写成默认参数或全局变量），下一个批会看到这一批的 key。每次调用都应新建
    KVCache。
caught by: test_own_model, test_engine
"""


@torch.no_grad()
def generate_batch(model, token_lists, max_new_tokens, eos_token_id=None, pad_token_id=0):
    if not token_lists:
        return []
    feed, mask = pad_batch(token_lists, pad_token_id)
    cache, new = SHARED, [[] for _ in token_lists]
    for _ in range(max_new_tokens):
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


SHARED = KVCache()
