"""Fail on an empty list of prompts.

en: An empty list of prompts gives an empty list.
zh: 提示列表为空时应返回空列表。
caught by: test_edges, test_engine
"""


@torch.no_grad()
def generate_batch(model, token_lists, max_new_tokens, eos_token_id=None, pad_token_id=0):
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
