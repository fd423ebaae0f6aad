"""Pass the positions of all tokens in every step.

en: position_ids belong to the tokens that are fed: [B, 1] after the prefill, not [B, T].
zh: position_ids 只对应这一步输入的 token：prefill 之后应为 [B, 1]，而不是 [B, T]。
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
        logits = model(feed, attention_mask=mask, position_ids=position_ids, cache=cache)
        feed = logits[:, -1].argmax(-1, keepdim=True)
        mask = torch.cat((mask, torch.ones_like(feed)), dim=1)
        for row, token in zip(new, feed[:, 0].tolist(), strict=True):
            if row[-1:] != [eos_token_id]:
                row.append(token)
        if all(row[-1:] == [eos_token_id] for row in new):
            break
    return new
