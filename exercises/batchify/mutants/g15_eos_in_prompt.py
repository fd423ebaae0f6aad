"""Take an EOS in the prompt for the end.

en: A row whose prompt contains the EOS counts as ended. Only new tokens can end a row.
zh: 提示里含有结束符的行被当作已经结束。只有新生成的 token 才能使一行结束。
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
        for i, token in enumerate(feed[:, 0].tolist()):
            if eos_token_id not in token_lists[i] + new[i]:
                new[i].append(token)
        if all(eos_token_id in old + row for old, row in zip(token_lists, new, strict=True)):
            break
    return new
