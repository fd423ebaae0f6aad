"""Return nothing of the step in which the last row ends.

en: The last EOS is not returned; EOS ends a row and belongs to it.
zh: 最后一个结束符没有返回；结束符是该行的一部分。
caught by: test_generate
"""


@torch.no_grad()
def generate(model, input_ids, max_new_tokens, *, compile=False, eos_token_id=None, attention_mask=None):  # noqa: A002
    B, S = input_ids.shape
    longest, limit = S + max_new_tokens - 1, model.config.max_position_embeddings
    if longest > limit:
        raise ValueError("too many positions")
    if max_new_tokens == 0:
        return input_ids[:, :0]
    weight = next(model.parameters())
    cache = StaticCache(model.config, B, capacity(longest, limit), weight.dtype, weight.device)
    step = torch.compile(decode_step, fullgraph=True, dynamic=False) if compile else decode_step
    eos = -1 if eos_token_id is None else eos_token_id
    token = prefill(model, input_ids, cache, attention_mask).argmax(-1)
    new, done = [token], token == eos
    for p in range(S, longest):
        if done.all():
            break
        position = torch.tensor([p], device=token.device)
        token = step(model, token[:, None], position, cache).argmax(-1).masked_fill(done, eos)
        done = done | (token == eos)
        if not done.all():
            new.append(token)
    return torch.stack(new, dim=1)
