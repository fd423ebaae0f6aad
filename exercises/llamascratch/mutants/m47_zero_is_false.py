"""Take the token id 0 for "no EOS".

en: Token id 0 is a legal EOS, but `if eos_token_id` is false for it: compare with None.
zh: token id 0 也可以是结束符，但 `if eos_token_id` 对 0 为假：请与 None 比较。
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
        if eos_token_id and token.item() == eos_token_id:
            return
        chunks = (token,)
