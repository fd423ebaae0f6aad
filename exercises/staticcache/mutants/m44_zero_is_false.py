"""Take EOS 0 for no EOS.

en: `if eos_token_id` is false for the token 0, which is an EOS like any other.
zh: 当结束符为 token 0 时，if eos_token_id 为假；但它和其他结束符一样有效。
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
    eos = eos_token_id or -1
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
