"""Caches are lists of chunks, joined only when read: one class with policies as hooks at writing and reading.
Attention is an einsum over groups with -inf masks made safe; speeds are computed in every rotation."""

import torch
from torch import nn

from exercises.llamascratch.solution import MLP, RMSNorm, apply_rope, rope_inv_freq


class Rope:
    def __init__(self, config):
        self.config = config

    def __call__(self, x, position_ids):
        return apply_rope(x, position_ids, rope_inv_freq(self.config).to(x.device))


class Chunks:
    def __init__(self):
        self.layers = []  # per layer a list of (keys, values, positions)

    def __len__(self):
        return sum(v.shape[2] for _, v, _ in self.layers[0]) if self.layers else 0

    def query_positions(self, position_ids):
        return position_ids

    def update(self, layer, k, v, position_ids, rope):
        if layer == len(self.layers):
            self.layers.append([])
        self.layers[layer].append((self.on_write(k, position_ids, rope), v, position_ids))
        k, v, where = self.joined(layer)
        return self.on_read(k, where, rope), v

    def joined(self, layer):
        keys, values, positions = zip(*self.layers[layer], strict=True)
        return torch.cat(keys, 2), torch.cat(values, 2), torch.cat(positions, 1)

    def on_write(self, k, position_ids, rope):
        return k

    def on_read(self, k, position_ids, rope):
        return k


class PostRopeCache(Chunks):
    def on_write(self, k, position_ids, rope):
        return rope(k, position_ids)

    def rotated_keys(self, layer):
        return self.joined(layer)[0]


class PreRopeCache(Chunks):
    def on_read(self, k, position_ids, rope):
        return rope(k, position_ids)

    def raw_keys(self, layer):
        return self.joined(layer)[0]


class SinkCache(Chunks):
    def __init__(self, num_sink_tokens, window_length):
        super().__init__()
        self.sinks, self.window, self.length = num_sink_tokens, window_length, 0

    def __len__(self):
        return self.length

    def query_positions(self, position_ids):
        B, S = position_ids.shape
        stay = min(self.length, self.sinks + max(0, self.window - S))
        return torch.tensor([range(stay, stay + S)] * B, device=position_ids.device)

    def update(self, layer, k, v, position_ids, rope):
        S = k.shape[2]
        if layer == 0:
            self.length += S
        if layer < len(self.layers):
            self.forget(layer, self.sinks + max(0, self.window - S))
        out = super().update(layer, k, v, position_ids, rope)
        self.forget(layer, self.sinks + self.window)
        return out

    def forget(self, layer, most):
        k, v, where = self.joined(layer)
        gone = max(k.shape[2] - most, 0)
        keep = [*range(min(self.sinks, k.shape[2])), *range(self.sinks + gone, k.shape[2])]
        self.layers[layer] = [(k[:, :, keep], v[:, :, keep], where[:, keep])]

    def on_read(self, k, position_ids, rope):
        return rope(k, torch.arange(k.shape[2], device=k.device).expand(k.shape[0], -1))

    def raw_keys(self, layer):
        return self.joined(layer)[0]


class SelfAttention(nn.Module):
    def __init__(self, config):
        super().__init__()
        E, self.D = config.hidden_size, config.head_dim
        self.q_proj = nn.Linear(E, config.num_attention_heads * self.D, bias=False)
        self.k_proj = nn.Linear(E, config.num_key_value_heads * self.D, bias=False)
        self.v_proj = nn.Linear(E, config.num_key_value_heads * self.D, bias=False)
        self.o_proj = nn.Linear(config.num_attention_heads * self.D, E, bias=False)

    def heads(self, x):
        return x.reshape(*x.shape[:2], -1, self.D).transpose(1, 2)

    def forward(self, x, mask, where, rope, remember):
        q = rope(self.heads(self.q_proj(x)), where)
        k, v = remember(self.heads(self.k_proj(x)), self.heads(self.v_proj(x)))
        S, T = q.shape[2], k.shape[2]
        if mask is None or mask.ndim == 2:
            seen = torch.ones(S, T, device=x.device).tril(T - S).bool()[None, None]
            mask = seen if mask is None else seen & mask[:, None, None].bool()
        q = q.unflatten(1, (k.shape[1], -1)) * self.D**-0.5
        scores = torch.einsum("bgnsd,bgtd->bgnst", q, k).float().masked_fill(~mask[:, :, None], -torch.inf)
        weights = scores.softmax(-1).nan_to_num(0.0).to(v.dtype)
        return self.o_proj(torch.einsum("bgnst,bgtd->bsgnd", weights, v).flatten(2))


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.self_attn, self.mlp = SelfAttention(config), MLP(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x, *given):
        x = x + self.self_attn(self.input_layernorm(x), *given)
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    def __init__(self, config, rope=None):
        super().__init__()
        self.config = config
        self.rope = rope if rope is not None else Rope(config)
        self.model = nn.Module()
        self.model.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.model.layers = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.model.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, input_ids, attention_mask=None, position_ids=None, cache=None):
        cache = PostRopeCache() if cache is None else cache
        if position_ids is None:
            position_ids = torch.ones_like(input_ids).cumsum(1) - 1 + len(cache)
        where, x = cache.query_positions(position_ids), self.model.embed_tokens(input_ids)
        for i, block in enumerate(self.model.layers):

            def remember(k, v, i=i):
                return cache.update(i, k, v, position_ids, self.rope)

            x = block(x, attention_mask, where, self.rope, remember)
        return self.lm_head(self.model.norm(x))


def llama3_scale(inv_freq, rope_parameters):
    turns = inv_freq * rope_parameters["original_max_position_embeddings"] / (2 * torch.pi)
    low, high = rope_parameters["low_freq_factor"], rope_parameters["high_freq_factor"]
    share = torch.clip((turns - low) / (high - low), 0, 1)
    return torch.lerp(inv_freq / rope_parameters["factor"], inv_freq, share)
