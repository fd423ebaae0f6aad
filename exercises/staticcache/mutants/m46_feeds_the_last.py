"""Feed the last new token, too.

en: generate feeds the last new token as well, though nobody asks for what comes after it: it needs a
    position and a slot too many.
zh: generate 把最后一个新 token 也输入了模型，而它之后的结果并不需要：因此多占了一个位置和一个槽位。
caught by: test_generate_limits
"""


@torch.no_grad()
def generate(model, input_ids, max_new_tokens, *, compile=False, eos_token_id=None, attention_mask=None):  # noqa: A002
    B, S = input_ids.shape
    longest, limit = S + max_new_tokens, model.config.max_position_embeddings
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
        new.append(token)
        done = done | (token == eos)
    return torch.stack(new, dim=1)[:, :max_new_tokens]
