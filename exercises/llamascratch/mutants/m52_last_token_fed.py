"""Feed the last new token, too.

en: You run the model once more after the last token, for logits that nobody reads.
zh: 最后一个新 token 之后你又多跑了一次模型，而那次的 logits 没有人用。
caught by: test_generate_feeds_once
"""


@torch.no_grad()
def greedy_tokens(model, chunks, max_new_tokens, eos_token_id):
    cache = KVCache()
    for chunk in chunks:
        logits = model(chunk, cache=cache)
    for _ in range(max_new_tokens):
        token = logits[:, -1].argmax(-1, keepdim=True)
        yield token
        if token.item() == eos_token_id:
            return
        logits = model(token, cache=cache)
