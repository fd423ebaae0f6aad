"""Keep results in a dictionary by prompt.

en: A prompt that is in the batch twice gives one result. Keep results by place in the list, not by
    prompt.
zh: 同一个提示在批中出现两次，却只得到一个结果。结果应按列表中的位置存放，而不是按提示内容。
caught by: test_row_order
"""


@torch.no_grad()
def generate_batch(model, token_lists, max_new_tokens, eos_token_id=None, pad_token_id=0):
    if not token_lists:
        return []
    token_lists = list({tuple(row): row for row in token_lists}.values())
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
        if all(row[-1:] == [eos_token_id] for row in new):
            break
    return new
