"""The model is the earlier exercise's Llama as a bag of weights: the pass is written with functions over its
parameters, by their checkpoint names. Rotation by an explicit table in rotate-half form, llama3 bands
by torch.where; caches are upstream KVCaches, or dictionaries of tuples; masks are compared, not drawn."""

import math

import torch
from torch.nn.functional import embedding, linear, silu

from exercises.llamascratch.solution import KVCache, attention, rope_inv_freq
from exercises.llamascratch.solution import Llama as Weights


class Rope:
    def __init__(self, config):
        self.inv_freq = torch.cat((rope_inv_freq(config),) * 2)

    def __call__(self, x, position_ids):
        angle = torch.einsum("bs,d->bsd", position_ids.float(), self.inv_freq.to(x.device))[:, None]
        half = x.size(-1) // 2
        swapped = torch.cat((x[..., half:].neg(), x[..., :half]), dim=-1)
        return (x.float() * angle.cos() + swapped.float() * angle.sin()).type_as(x)


class PostRopeCache:
    def __init__(self):
        self.store, self.seen, self.rotated = KVCache(), 0, {}

    def __len__(self):
        return self.seen

    def query_positions(self, position_ids):
        return position_ids

    def update(self, layer, k, v, position_ids, rope):
        if layer == 0:
            self.seen += k.size(2)
        self.rotated[layer], values = self.store.update(layer, rope(k, position_ids), v)
        return self.rotated[layer], values

    def rotated_keys(self, layer):
        return self.rotated[layer]


class PreRopeCache:
    def __init__(self):
        self.store, self.raw, self.positions = KVCache(), {}, []

    def __len__(self):
        return sum(p.size(1) for p in self.positions)

    def query_positions(self, position_ids):
        return position_ids

    def update(self, layer, k, v, position_ids, rope):
        if layer == 0:
            self.positions.append(position_ids)
        self.raw[layer], values = self.store.update(layer, k, v)
        return rope(self.raw[layer], torch.cat(self.positions, dim=1)), values

    def raw_keys(self, layer):
        return self.raw[layer]


class SinkCache:
    def __init__(self, num_sink_tokens, window_length):
        self.n, self.w, self.seen = num_sink_tokens, window_length, 0
        self.sinks, self.recent = {}, {}  # layer -> (keys, values)

    def __len__(self):
        return self.seen

    def query_positions(self, position_ids):
        B, S = position_ids.shape
        old = max(0, min(self.seen, self.n)) + max(0, min(self.seen - self.n, self.w - S))
        return torch.arange(S, device=position_ids.device).add(old).expand(B, S)

    def update(self, layer, k, v, position_ids, rope):
        S = k.size(2)
        self.seen += S * (layer == 0)
        empty = k[:, :, :0], v[:, :, :0]
        shown = []
        for x, sinks, recent in zip(
            (k, v), self.sinks.get(layer, empty), self.recent.get(layer, empty), strict=True
        ):
            free, room = self.n - sinks.size(2), max(self.w - S, 0)
            first = torch.cat((sinks, x[:, :, :free]), dim=2)
            last = torch.cat((recent[:, :, max(recent.size(2) - room, 0) :], x[:, :, free:]), dim=2)
            shown.append((first, last))
        self.sinks[layer] = tuple(first for first, _ in shown)
        self.recent[layer] = tuple(last[:, :, max(last.size(2) - self.w, 0) :] for _, last in shown)
        keys, values = (torch.cat(parts, dim=2) for parts in shown)
        places = torch.arange(keys.size(2), device=k.device).expand(k.size(0), -1)
        return rope(keys, places), values

    def raw_keys(self, layer):
        return torch.cat((self.sinks[layer][0], self.recent[layer][0]), dim=2)


class Llama(Weights):
    def __init__(self, config, rope=None):
        super().__init__(config)
        self.rope = Rope(config) if rope is None else rope

    def norm(self, x, name):
        h = x.float()
        h = h / torch.sqrt(h.square().mean(-1, keepdim=True) + self.config.rms_norm_eps)
        return self.get_parameter(f"{name}.weight") * h.type_as(x)

    def project(self, x, name):
        return linear(x, self.get_parameter(f"{name}.weight"))

    def forward(self, input_ids, attention_mask=None, position_ids=None, cache=None):
        cache = cache if cache is not None else PostRopeCache()
        B, S = input_ids.shape
        if position_ids is None:
            position_ids = len(cache) + torch.arange(S, device=input_ids.device).expand(B, S)
        where = cache.query_positions(position_ids)
        x = embedding(input_ids, self.get_parameter("model.embed_tokens.weight"))
        for layer in range(self.config.num_hidden_layers):
            block = f"model.layers.{layer}"
            h = self.norm(x, f"{block}.input_layernorm")
            q, k, v = (
                self.project(h, f"{block}.self_attn.{n}_proj")
                .reshape(B, S, -1, self.config.head_dim)
                .permute(0, 2, 1, 3)
                for n in "qkv"
            )
            keys, values = cache.update(layer, k, v, position_ids, self.rope)
            mask = attention_mask
            if mask is None or mask.dim() == 2:
                T = keys.size(2)
                key, query = torch.arange(T, device=x.device), torch.arange(T - S, T, device=x.device)
                mask = (key[None] <= query[:, None]).expand(B, 1, S, T)
                if attention_mask is not None:
                    mask = mask & (attention_mask == 1).reshape(B, 1, 1, T)
            y = attention(self.rope(q, where), keys, values, mask).permute(0, 2, 1, 3).reshape(B, S, -1)
            x = x + self.project(y, f"{block}.self_attn.o_proj")
            h = self.norm(x, f"{block}.post_attention_layernorm")
            gate, up = self.project(h, f"{block}.mlp.gate_proj"), self.project(h, f"{block}.mlp.up_proj")
            x = x + self.project(silu(gate) * up, f"{block}.mlp.down_proj")
        return self.project(self.norm(x, "model.norm"), "lm_head")


def llama3_scale(inv_freq, rope_parameters):
    p = rope_parameters
    old, low, high = p["original_max_position_embeddings"], p["low_freq_factor"], p["high_freq_factor"]
    wavelength, slow = 2 * math.pi / inv_freq, inv_freq / p["factor"]
    smooth = (old / wavelength - low) / (high - low)
    blend = (1 - smooth) * slow + smooth * inv_freq
    return torch.where(
        wavelength > old / low, slow, torch.where(wavelength < old / high, inv_freq, blend)
    ).float()
