"""Use the mask of the prompts in all steps.

en: The attention_mask covers all tokens so far, [B, past + S]: it has to grow by a column with every
    step.
zh: attention_mask 要覆盖到目前为止的所有 token，即 [B, past + S]：每一步都应增加一列。
caught by: test_unequal_lengths, test_own_model
"""


@torch.no_grad()
def generate_batch(model, token_lists, max_new_tokens, eos_token_id=None, pad_token_id=0):
    if not token_lists:
        return []
    feed, mask = pad_batch(token_lists, pad_token_id)
    cache, new = KVCache(), [[] for _ in token_lists]
    for _ in range(max_new_tokens):
        position_ids = make_position_ids(mask)[:, -feed.shape[1] :] + sum(map(len, new[:1]))
        logits = model(feed, attention_mask=mask, position_ids=position_ids, cache=cache)
        feed = logits[:, -1].argmax(-1, keepdim=True)
        for row, token in zip(new, feed[:, 0].tolist(), strict=True):
            if row[-1:] != [eos_token_id]:
                row.append(token)
        if all(row[-1:] == [eos_token_id] for row in new):
            break
    return new
