"""Without a stand-in for the cache: walks the model layer by layer, by the names of its parameters, with
boolean masks for prefill and decoding alike, and slots written by indexing; the real ones are a mask.
generate fills one tensor with its tokens and compiles in the default mode."""

import torch
from torch import nn
from torch.nn.functional import linear

from exercises.llamascratch.solution import Llama, apply_rope, attention, rope_inv_freq  # noqa: F401


class StaticCache(nn.Module):
    def __init__(self, config, batch_size, max_length, dtype=torch.float32, device="cpu"):
        super().__init__()
        L, H, D = config.num_hidden_layers, config.num_key_value_heads, config.head_dim
        self.register_buffer("k", torch.zeros(L, batch_size, H, max_length, D, dtype=dtype, device=device))
        self.register_buffer("v", torch.zeros_like(self.k))
        self.register_buffer("padding", torch.zeros(batch_size, dtype=torch.long, device=device), False)

    def reset(self):
        self.k.fill_(0)
        self.v.fill_(0)
        self.padding.fill_(0)

    def addresses(self):
        return [self.k.data_ptr(), self.v.data_ptr()]


def run(model, ids, slots, cache):
    """Feed ids [B, S] into `slots` [S]; every token sees the real slots up to its own. Returns [B, S, V]."""
    B, S, T = *ids.shape, cache.k.shape[3]
    every = torch.arange(T, device=ids.device)
    real = every >= cache.padding[:, None]  # [B, T]
    position_ids = (real.cumsum(1) - 1)[:, slots].clamp(min=0)  # [B, S]
    mask = (every <= slots[:, None]) & real[:, None]  # [B, S, T]
    inv_freq = rope_inv_freq(model.config).to(ids.device)
    x = model.model.embed_tokens(ids)
    for i, block in enumerate(model.model.layers):
        h, part = block.input_layernorm(x), block.self_attn
        q, k, v = (
            linear(h, p.weight).view(B, S, -1, model.config.head_dim).transpose(1, 2)
            for p in (part.q_proj, part.k_proj, part.v_proj)
        )
        cache.k[i, :, :, slots] = apply_rope(k, position_ids, inv_freq)
        cache.v[i, :, :, slots] = v
        heads = attention(apply_rope(q, position_ids, inv_freq), cache.k[i], cache.v[i], mask[:, None])
        x = x + linear(heads.transpose(1, 2).reshape(B, S, -1), part.o_proj.weight)
        x = x + block.mlp(block.post_attention_layernorm(x))
    return model.lm_head(model.model.norm(x))


def prefill(model, input_ids, cache, attention_mask=None):
    S = input_ids.shape[1]
    if cache.k.shape[3] < S:
        raise IndexError("more tokens than slots")
    cache.padding.fill_(0)
    if attention_mask is not None:
        cache.padding.copy_(attention_mask.argmax(dim=1))
    with torch.no_grad():
        return run(model, input_ids, torch.arange(S, device=input_ids.device), cache)[:, -1]


def decode_step(model, input_ids, position, cache):
    with torch.no_grad():
        return run(model, input_ids, position, cache)[:, 0]


def generate(
    model,
    input_ids,
    max_new_tokens,
    *,
    compile=False,  # noqa: A002
    eos_token_id=None,
    attention_mask=None,
):
    B, S = input_ids.shape
    if S + max_new_tokens - 1 > model.config.max_position_embeddings:
        raise RuntimeError("too many tokens for this model")
    out = input_ids.new_zeros(B, max_new_tokens)
    if max_new_tokens == 0:
        return out
    length = 32
    while length < S + max_new_tokens - 1:
        length *= 2
    like = model.lm_head.weight
    cache = StaticCache(model.config, B, length, like.dtype, like.device)
    step = torch.compile(decode_step) if compile else decode_step
    ended = torch.zeros(B, dtype=torch.bool, device=input_ids.device)
    logits, n = prefill(model, input_ids, cache, attention_mask), 0
    while True:
        new = logits.argmax(dim=1)
        if eos_token_id is not None:
            new = torch.where(ended, eos_token_id, new)
            ended |= new == eos_token_id
        out[:, n] = new
        n += 1
        if n == max_new_tokens or bool(ended.all()):
            return out[:, :n]
        at = torch.full((1,), S + n - 1, device=input_ids.device)
        logits = step(model, new[:, None], at, cache)


def bucket(length):
    return 32 if length <= 32 else 128 if length <= 128 else 512


def prefill_bucket(model, input_ids, length, cache):
    cache.padding.fill_(0)
    slots = torch.arange(input_ids.shape[1], device=input_ids.device)
    with torch.no_grad():
        return run(model, input_ids, slots, cache)[:, length - 1, :].squeeze(1)
