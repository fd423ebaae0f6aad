"""Return rows of equal length, filled up with the pad token.

en: You return a rectangle: behind its EOS a row is filled up with pad tokens. Nothing follows the EOS.
zh: 你返回的是矩形：行在结束符之后用填充 token 补齐了。结束符之后不应有任何内容。
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
            row.append(pad_token_id if eos_token_id in row else token)
        if all(eos_token_id in row for row in new):
            break
    return new
