"""Take rows that have ended out of the batch.

en: Rows that have ended leave the batch, but the cache still has their keys: all rows stay until the last
    one has ended.
zh: 结束了的行离开了批，但缓存里还有它们的 key：所有行都应留到最后一行结束。
caught by: test_eos
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
        for row, token in zip((row for row in new if row[-1:] != [eos_token_id]), feed[:, 0].tolist()):
            row.append(token)
        going = feed[:, 0] != (-1 if eos_token_id is None else eos_token_id)
        feed, mask = feed[going], mask[going]
        if not len(feed):
            break
    return new
