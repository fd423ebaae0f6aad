"""Stop as soon as the last row of the batch has said EOS.

en: All rows stop when the last row of the batch has ended. The
    others have to go on until they end by themselves.
zh: 批中最后一行一结束，所有行就都停止了。其他行应继续生成，直到各自结束。
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
        if new[-1][-1:] == [eos_token_id]:
            break
    return new
