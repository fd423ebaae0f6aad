"""Return at least one token.

en: With max_new_tokens=0 generate returns one token; due is an empty [B, 0].
zh: max_new_tokens=0 时 generate 返回了一个 token；应返回空的 [B, 0]。
caught by: test_generate_limits
"""


@torch.no_grad()
def generate(model, input_ids, max_new_tokens, *, compile=False, eos_token_id=None, attention_mask=None):  # noqa: A002
    B, S = input_ids.shape
    longest, limit = S + max_new_tokens - 1, model.config.max_position_embeddings
    if longest > limit:
        raise ValueError("too many positions")
    weight = next(model.parameters())
    cache = StaticCache(model.config, B, capacity(max(longest, S), limit), weight.dtype, weight.device)
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
    return torch.stack(new, dim=1)
