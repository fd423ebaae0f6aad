"""Feed the whole sequence again for every new token.

en: You feed the whole sequences again for each new token. Pass one KVCache and feed only the new column.
zh: 你每生成一个 token 都把整个序列重新输入一遍。应传入同一个 KVCache，只输入新的一列。
caught by: test_tokens_fed
"""


@torch.no_grad()
def generate_batch(model, token_lists, max_new_tokens, eos_token_id=None, pad_token_id=0):
    if not token_lists:
        return []
    ids, mask = pad_batch(token_lists, pad_token_id)
    new = [[] for _ in token_lists]
    for _ in range(max_new_tokens):
        logits = model(ids, attention_mask=mask, position_ids=make_position_ids(mask))
        feed = logits[:, -1].argmax(-1, keepdim=True)
        ids = torch.cat((ids, feed), dim=1)
        mask = torch.cat((mask, torch.ones_like(feed)), dim=1)
        for row, token in zip(new, feed[:, 0].tolist(), strict=True):
            if row[-1:] != [eos_token_id]:
                row.append(token)
        if all(row[-1:] == [eos_token_id] for row in new):
            break
    return new
