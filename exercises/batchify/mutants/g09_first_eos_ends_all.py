"""Stop as soon as any row has said EOS.

en: The first EOS ends all rows. The others have to go on until they end by themselves.
zh: 第一个结束符出现时，所有行都停止了。其他行应继续生成，直到各自结束。
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
        for row, token in zip(new, feed[:, 0].tolist(), strict=True):
            if row[-1:] != [eos_token_id]:
                row.append(token)
        if any(row[-1:] == [eos_token_id] for row in new):
            break
    return new
