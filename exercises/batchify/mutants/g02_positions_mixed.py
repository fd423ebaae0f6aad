"""Positions without padding in the prefill, but column numbers in later steps.

en: In the prefill your positions leave padding out, in later steps they count it: for a short row the new
    token is too far away from its prompt. Go on from the last position of each row.
zh: prefill 时你的位置没有算填充，之后的步骤却算上了：短行的新 token 离提示太远了。应从每行自己的最后一
    个位置接着往下数。
caught by: test_unequal_lengths, test_own_model
"""


@torch.no_grad()
def generate_batch(model, token_lists, max_new_tokens, eos_token_id=None, pad_token_id=0):
    if not token_lists:
        return []
    feed, mask = pad_batch(token_lists, pad_token_id)
    cache, new = KVCache(), [[] for _ in token_lists]
    for _ in range(max_new_tokens):
        position_ids = make_position_ids(mask)
        if feed.shape[1] < mask.shape[1]:
            position_ids = torch.full_like(feed, mask.shape[1] - 1)
        logits = model(feed, attention_mask=mask, position_ids=position_ids, cache=cache)
        feed = logits[:, -1].argmax(-1, keepdim=True)
        mask = torch.cat((mask, torch.ones_like(feed)), dim=1)
        for row, token in zip(new, feed[:, 0].tolist(), strict=True):
            if row[-1:] != [eos_token_id]:
                row.append(token)
        if all(row[-1:] == [eos_token_id] for row in new):
            break
    return new
