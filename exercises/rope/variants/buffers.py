"""Rotation by complex numbers, angles in float64. Caches are growing buffers by layer and name, of which the
first `used` tokens are filled; the sink cache selects what it keeps by index. Projections live in
dictionaries of modules, and the pass is one function."""

import math

import torch
from torch import nn

from exercises.llamascratch.solution import MLP, RMSNorm, attention, rope_inv_freq


class Rope(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.speeds = rope_inv_freq(config).double()

    def forward(self, x, position_ids):
        angle = position_ids[:, None, :, None] * self.speeds.to(x.device)
        turn = torch.polar(torch.ones_like(angle), angle).to(torch.complex64)
        real, imaginary = x.float().tensor_split(2, dim=-1)
        turned = torch.complex(real, imaginary) * turn
        return torch.cat((turned.real, turned.imag), dim=-1).to(x.dtype)


class Buffers:
    """Per layer and name a tensor [B, h, capacity, d] of which the first `used` tokens are filled."""

    def __init__(self):
        self.data, self.used = {}, {}

    def __len__(self):
        return self.used.get((0, "v"), 0)

    def query_positions(self, position_ids):
        return position_ids

    def add(self, layer, name, new):
        start = self.used.get((layer, name), 0)
        end = self.used[layer, name] = start + new.shape[2]
        old = self.data.get((layer, name), new[:, :, :0])
        if end > old.shape[2]:
            spare = new.new_zeros(*new.shape[:2], 2 * end - start, new.shape[3])
            old = torch.cat((old[:, :, :start], spare), dim=2)
        old = old.detach().clone()
        old[:, :, start:end] = new
        self.data[layer, name] = old
        return self.read(layer, name)

    def read(self, layer, name):
        return self.data[layer, name][:, :, : self.used[layer, name]]


class PostRopeCache(Buffers):
    def update(self, layer, k, v, position_ids, rope):
        return self.add(layer, "k", rope(k, position_ids)), self.add(layer, "v", v)

    def rotated_keys(self, layer):
        return self.read(layer, "k")


class PreRopeCache(Buffers):
    def update(self, layer, k, v, position_ids, rope):
        where = self.add(layer, "p", position_ids[:, None, :, None])[:, 0, :, 0]
        return rope(self.add(layer, "k", k), where), self.add(layer, "v", v)

    def raw_keys(self, layer):
        return self.read(layer, "k")


class SinkCache:
    def __init__(self, num_sink_tokens, window_length):
        self.sinks, self.window = num_sink_tokens, window_length
        self.tokens, self.total = {}, 0

    def __len__(self):
        return self.total

    def chosen(self, tokens, latest):
        first_late = max(tokens - latest, 0)
        return [t for t in range(tokens) if t < self.sinks or t >= first_late]

    def query_positions(self, position_ids):
        held, S = min(self.total, self.sinks + self.window), position_ids.shape[1]
        shown = len(self.chosen(held + S, max(self.window, S)))
        return torch.arange(shown - S, shown).to(position_ids.device).repeat(len(position_ids), 1)

    def update(self, layer, k, v, position_ids, rope):
        pair = torch.stack((k, v))
        S, held = k.shape[2], self.tokens.get(layer, pair[:, :, :, :0])
        self.total += S if layer == 0 else 0
        everything = torch.cat((held, pair), dim=3)
        tokens = everything.shape[3]
        self.tokens[layer] = everything[:, :, :, self.chosen(tokens, self.window)]
        k, v = everything[:, :, :, self.chosen(tokens, max(self.window, S))]
        return rope(k, torch.arange(k.shape[2], device=k.device)[None].repeat(k.shape[0], 1)), v

    def raw_keys(self, layer):
        return self.tokens[layer][0]


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        E, D, H, G = (
            config.hidden_size,
            config.head_dim,
            config.num_attention_heads,
            config.num_key_value_heads,
        )
        sizes = {"q_proj": (E, H * D), "k_proj": (E, G * D), "v_proj": (E, G * D), "o_proj": (H * D, E)}
        self.self_attn = nn.ModuleDict({n: nn.Linear(*size, bias=False) for n, size in sizes.items()})
        self.mlp = MLP(config)
        self.input_layernorm, self.post_attention_layernorm = (
            RMSNorm(E, config.rms_norm_eps) for _ in range(2)
        )


class Llama(nn.Module):
    def __init__(self, config, rope=None):
        super().__init__()
        self.config, self.rope = config, Rope(config) if rope is None else rope
        self.model = nn.ModuleDict(
            {
                "embed_tokens": nn.Embedding(config.vocab_size, config.hidden_size),
                "layers": nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers)),
                "norm": RMSNorm(config.hidden_size, config.rms_norm_eps),
            }
        )
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(self, input_ids, attention_mask=None, position_ids=None, cache=None):
        if cache is None:
            cache = PreRopeCache()
        (B, S), past = input_ids.shape, len(cache)
        if position_ids is None:
            position_ids = torch.arange(past, past + S, device=input_ids.device).repeat(B, 1)
        turned = cache.query_positions(position_ids)
        x = self.model["embed_tokens"](input_ids)
        for i, layer in enumerate(self.model["layers"]):
            h = layer.input_layernorm(x)
            q, k, v = (
                layer.self_attn[f"{n}_proj"](h).unflatten(-1, (-1, self.config.head_dim)).transpose(1, 2)
                for n in "qkv"
            )
            k, v = cache.update(i, k, v, position_ids, self.rope)
            out = attention(self.rope(q, turned), k, v, self.mask(S, k.shape[2], attention_mask, x.device))
            x = x + layer.self_attn["o_proj"](out.transpose(1, 2).reshape(B, S, -1))
            x = x + layer.mlp(layer.post_attention_layernorm(x))
        return self.lm_head(self.model["norm"](x))

    def mask(self, S, T, given, device):
        if given is not None and given.ndim > 2:
            return given
        keys = torch.arange(T, device=device)
        causal = (keys <= keys[T - S :, None])[None, None]
        return causal if given is None else causal & given.bool()[:, None, None, :]


def llama3_scale(inv_freq, rope_parameters):
    old, factor, low, high = (
        rope_parameters[name]
        for name in (
            "original_max_position_embeddings",
            "factor",
            "low_freq_factor",
            "high_freq_factor",
        )
    )
    smooth = torch.clamp((old * inv_freq / math.tau - low) / (high - low), 0.0, 1.0)
    return inv_freq * (smooth + (1 - smooth) / factor)
