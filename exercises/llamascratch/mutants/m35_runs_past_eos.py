"""Never stop at EOS.

en: You go on after the EOS token.
zh: 遇到结束符之后你仍在继续生成。
caught by: test_generate
"""


@torch.no_grad()
def greedy_tokens(model, chunks, max_new_tokens, eos_token_id):
    cache = KVCache()
    for _ in range(max_new_tokens):
        for chunk in chunks:
            logits = model(chunk, cache=cache)
        token = logits[:, -1].argmax(-1, keepdim=True)
        yield token
        chunks = (token,)
