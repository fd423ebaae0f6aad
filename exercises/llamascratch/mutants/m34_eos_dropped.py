"""Do not return the EOS token.

en: The token that ends the text belongs to the result: stop after it, not before.
zh: 结束符本身也属于返回结果：应在它之后停止，而不是之前。
caught by: test_generate
"""


@torch.no_grad()
def greedy_tokens(model, chunks, max_new_tokens, eos_token_id):
    cache = KVCache()
    for _ in range(max_new_tokens):
        for chunk in chunks:
            logits = model(chunk, cache=cache)
        token = logits[:, -1].argmax(-1, keepdim=True)
        if token.item() == eos_token_id:
            return
        yield token
        chunks = (token,)
