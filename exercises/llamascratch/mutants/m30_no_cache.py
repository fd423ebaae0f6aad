"""Feed the whole sequence again for every new token.

en: Every step feeds the whole sequence again. Keep a KVCache and feed only what it has not seen.
zh: 每生成一步你都把整个序列重新算一遍。请使用 KVCache，只输入缓存里还没有的 token。
caught by: test_generate_feeds_once
"""


@torch.no_grad()
def generate(model, input_ids, max_new_tokens, eos_token_id=None, prefill_chunk=None):
    ids = input_ids
    for _ in range(max_new_tokens):
        token = model(ids)[:, -1].argmax(-1, keepdim=True)
        ids = torch.cat((ids, token), dim=1)
        if token.item() == eos_token_id:
            break
    return ids[:, input_ids.shape[1] :]
