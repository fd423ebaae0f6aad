"""Stop only when all rows say EOS in the same step.

en: You stop only if all rows say EOS in the same step, which hardly ever happens. Remember which rows
    have ended.
zh: 只有当所有行在同一步说出结束符时你才停止，而这几乎不会发生。要记住哪些行已经结束。
caught by: test_stops_when_done
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
        mask = torch.cat((mask, torch.ones_like(feed)), dim=1)
        for row, token in zip(new, feed[:, 0].tolist(), strict=True):
            if row[-1:] != [eos_token_id]:
                row.append(token)
        if all(token == eos_token_id for token in feed[:, 0].tolist()):
            break
    return new
