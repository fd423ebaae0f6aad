"""RoPE decoupled from attention: one attention layer, any policy of what a cache keeps and how it rotates.

Attention asks the cache for two things only: at which positions to rotate the queries, and which
rotated keys to attend to. What is stored, rotated or not, all of it or a part, is the cache's own
business. Shapes: B batch, S new tokens, T keys that a cache returns, H query heads, Hkv key/value
heads, D head size, E hidden size, V vocabulary.
"""

from dataclasses import dataclass
from math import pi
from typing import Protocol

import torch
from torch import Tensor, nn
from transformers import LlamaConfig

from exercises.llamascratch.solution import MLP, RMSNorm, apply_rope, attention, rope_inv_freq


class Rope:
    """The rotation of one model: it knows its speeds and nothing of caches. It has no weights."""

    def __init__(self, config: LlamaConfig) -> None:
        self.inv_freq = rope_inv_freq(config)  # a plain float32 attribute: no `.to(dtype)` reaches it

    def __call__(self, x: Tensor, position_ids: Tensor) -> Tensor:
        """Rotate x [B, h, S, D] to positions [B, S]; same shape and dtype (arXiv:2104.09864)."""
        return apply_rope(x, position_ids, self.inv_freq.to(x.device))


class CacheProtocol(Protocol):
    """All that a model may ask of a cache."""

    def __len__(self) -> int:
        """Return the number of tokens seen; exact whenever no forward pass is under way."""

    def query_positions(self, position_ids: Tensor) -> Tensor:
        """Return the positions [B, S] at which the new tokens' queries are rotated.

        Asked once in a forward pass, before its first `update`.
        """

    def update(
        self, layer: int, k: Tensor, v: Tensor, position_ids: Tensor, rope: Rope
    ) -> tuple[Tensor, Tensor]:
        """Take in new keys, not rotated, and values [B, Hkv, S, D]; return what to attend to.

        That is rotated keys and values [B, Hkv, T, D], oldest first, the new tokens last.
        """


def append(store: dict[int, Tensor], layer: int, new: Tensor, dim: int = 2) -> Tensor:
    """Put `new` behind what a layer has stored; return all of it."""
    store[layer] = torch.cat((store[layer], new), dim) if layer in store else new
    return store[layer]


class PostRopeCache:
    """Keys are stored after rotation: each is rotated once, and never moves again."""

    def __init__(self) -> None:
        self.keys: dict[int, Tensor] = {}
        self.values: dict[int, Tensor] = {}

    def __len__(self) -> int:
        """Return the number of tokens seen."""
        return self.keys[0].shape[2] if self.keys else 0

    def query_positions(self, position_ids: Tensor) -> Tensor:
        """Return the tokens' own positions [B, S]."""
        return position_ids

    def update(
        self, layer: int, k: Tensor, v: Tensor, position_ids: Tensor, rope: Rope
    ) -> tuple[Tensor, Tensor]:
        """Rotate k [B, Hkv, S, D], append; return all keys and values of the layer [B, Hkv, T, D]."""
        return append(self.keys, layer, rope(k, position_ids)), append(self.values, layer, v)

    def rotated_keys(self, layer: int) -> Tensor:
        """Return the keys [B, Hkv, T, D] as they are stored."""
        return self.keys[layer]


class PreRopeCache:
    """Keys are stored before rotation, with their positions; all are rotated whenever they are read."""

    def __init__(self) -> None:
        self.keys: dict[int, Tensor] = {}
        self.values: dict[int, Tensor] = {}
        self.positions: dict[int, Tensor] = {}

    def __len__(self) -> int:
        """Return the number of tokens seen."""
        return self.keys[0].shape[2] if self.keys else 0

    def query_positions(self, position_ids: Tensor) -> Tensor:
        """Return the tokens' own positions [B, S]."""
        return position_ids

    def update(
        self, layer: int, k: Tensor, v: Tensor, position_ids: Tensor, rope: Rope
    ) -> tuple[Tensor, Tensor]:
        """Append k [B, Hkv, S, D]; return all keys, rotated now, and values [B, Hkv, T, D]."""
        keys = append(self.keys, layer, k)
        positions = append(self.positions, layer, position_ids, dim=1)  # [B, T]
        return rope(keys, positions), append(self.values, layer, v)

    def raw_keys(self, layer: int) -> Tensor:
        """Return the keys [B, Hkv, T, D] as they are stored."""
        return self.keys[layer]


class SinkCache:
    """Endless text in constant memory: keep the first tokens and the latest (arXiv:2309.17453).

    The kept tokens are counted 0, 1, 2, ... anew in every step, so that no distance grows beyond what
    is kept. That is why keys are stored without rotation.
    """

    def __init__(self, num_sink_tokens: int, window_length: int) -> None:
        self.sinks, self.window = num_sink_tokens, window_length
        self.keys: dict[int, Tensor] = {}
        self.values: dict[int, Tensor] = {}
        self.seen: dict[int, int] = {}

    def __len__(self) -> int:
        """Return the number of tokens seen, forgotten ones included."""
        return self.seen.get(0, 0)

    def query_positions(self, position_ids: Tensor) -> Tensor:
        """Return where the S new tokens will stand among the kept ones [B, S]: at their end."""
        S = position_ids.shape[1]
        past = min(len(self), self._room(S))
        return torch.arange(past, past + S, device=position_ids.device).expand_as(position_ids)

    def update(
        self, layer: int, k: Tensor, v: Tensor, position_ids: Tensor, rope: Rope
    ) -> tuple[Tensor, Tensor]:
        """Take in k, v [B, Hkv, S, D]; return sinks and the last max(window, S) tokens [B, Hkv, T, D]."""
        self.seen[layer] = self.seen.get(layer, 0) + k.shape[2]
        keys, values = self._keep(self.keys, layer, k), self._keep(self.values, layer, v)
        positions = torch.arange(keys.shape[2], device=k.device).expand(k.shape[0], -1)  # [B, T]
        return rope(keys, positions), values

    def raw_keys(self, layer: int) -> Tensor:
        """Return the keys [B, Hkv, n, D] as they are stored, n <= num_sink_tokens + window_length."""
        return self.keys[layer]

    def _room(self, S: int) -> int:
        """Return how many old tokens stay visible beside S new ones."""
        return self.sinks + max(self.window - S, 0)

    def _trim(self, x: Tensor, n: int) -> Tensor:
        """Keep n of the T tokens in x [B, Hkv, T, D]: the sinks and the latest."""
        T = x.shape[2]
        return x if n >= T else torch.cat((x[:, :, : self.sinks], x[:, :, T - n + self.sinks :]), dim=2)

    def _keep(self, store: dict[int, Tensor], layer: int, new: Tensor) -> Tensor:
        """Return what the new tokens may see, new ones included; store what later ones may."""
        old = self._trim(store.get(layer, new[:, :, :0]), self._room(new.shape[2]))
        shown = torch.cat((old, new), dim=2)
        store[layer] = self._trim(shown, self.sinks + self.window)
        return shown


@dataclass
class Step:
    """What one forward pass hands to every layer."""

    position_ids: Tensor  # [B, S], of the keys
    query_positions: Tensor  # [B, S]
    attention_mask: Tensor | None
    cache: CacheProtocol
    rope: Rope


def visible(S: int, T: int, attention_mask: Tensor | None, device: torch.device) -> Tensor:
    """Return which of T keys each of the last S tokens may attend to, bool [B|1, 1, S, T].

    T is what the cache returned, not what it has seen: it may have forgotten some.
    """
    if attention_mask is not None and attention_mask.dim() == 4:  # complete: a tree, say
        return attention_mask
    mask = torch.ones(S, T, dtype=torch.bool, device=device).tril(T - S)[None, None]  # [1, 1, S, T]
    return mask if attention_mask is None else mask & attention_mask[:, None, None].bool()


def attend(layer: int, q: Tensor, k: Tensor, v: Tensor, step: Step) -> Tensor:
    """Hold the whole conversation between attention and cache: q, k, v come without rotation.

    q [B, H, S, D], k and v [B, Hkv, S, D]; returns [B, H, S, D].
    """
    q = step.rope(q, step.query_positions)
    k, v = step.cache.update(layer, k, v, step.position_ids, step.rope)  # [B, Hkv, T, D]
    mask = visible(q.shape[2], k.shape[2], step.attention_mask, q.device)
    out: Tensor = attention(q, k, v, mask)
    return out


class Attention(nn.Module):
    """Project to heads, attend through the cache, project back."""

    def __init__(self, config: LlamaConfig, layer: int) -> None:
        super().__init__()
        self.layer, self.head_dim = layer, config.head_dim
        E, D = config.hidden_size, config.head_dim
        self.q_proj = nn.Linear(E, config.num_attention_heads * D, bias=False)
        self.k_proj = nn.Linear(E, config.num_key_value_heads * D, bias=False)
        self.v_proj = nn.Linear(E, config.num_key_value_heads * D, bias=False)
        self.o_proj = nn.Linear(config.num_attention_heads * D, E, bias=False)

    def forward(self, x: Tensor, step: Step) -> Tensor:
        """Map x [B, S, E] to [B, S, E]."""
        B, S, _ = x.shape
        q, k, v = (
            project(x).view(B, S, -1, self.head_dim).transpose(1, 2)  # [B, heads, S, D]
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        y: Tensor = self.o_proj(attend(self.layer, q, k, v, step).transpose(1, 2).flatten(2))
        return y


class Block(nn.Module):
    """One layer: attention, then MLP, each reading a normalised copy and adding to the residual stream."""

    def __init__(self, config: LlamaConfig, layer: int) -> None:
        super().__init__()
        self.self_attn = Attention(config, layer)
        self.mlp = MLP(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x: Tensor, step: Step) -> Tensor:
        """Map x [B, S, E] to [B, S, E]."""
        x = x + self.self_attn(self.input_layernorm(x), step)
        y: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return y


class Decoder(nn.Module):
    """The weights called `model.*` in a checkpoint."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Block(config, i) for i in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)


class Llama(nn.Module):
    """The language model, for any rotation and any cache."""

    def __init__(self, config: LlamaConfig, rope: Rope | None = None) -> None:
        super().__init__()
        self.config = config
        self.rope = Rope(config) if rope is None else rope
        self.model = Decoder(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: CacheProtocol | None = None,
    ) -> Tensor:
        """Return logits [B, S, V] for token ids [B, S], in the model's dtype.

        attention_mask int64 [B, T], 0 hides a key, or bool [B|1, 1, S, T] in place of the causal mask;
        position_ids int64 [B, S], by default len(cache), len(cache) + 1, ...
        """
        cache = PostRopeCache() if cache is None else cache
        if position_ids is None:
            past, S = len(cache), input_ids.shape[1]
            position_ids = torch.arange(past, past + S, device=input_ids.device).expand_as(input_ids)
        step = Step(position_ids, cache.query_positions(position_ids), attention_mask, cache, self.rope)
        x = self.model.embed_tokens(input_ids)
        for block in self.model.layers:
            x = block(x, step)
        logits: Tensor = self.lm_head(self.model.norm(x))
        return logits


def llama3_scale(inv_freq: Tensor, rope_parameters: dict[str, Tensor]) -> Tensor:
    """Scale rotation speeds [..., D/2] as Llama 3.1 does, for one model or for many at once.

    Parameters are numbers, or tensors that broadcast against the speeds: no branch, no loop. Fast
    pairs stay, slow ones are divided by `factor`, and between the two bands we blend.
    """
    low, high = rope_parameters["low_freq_factor"], rope_parameters["high_freq_factor"]
    turns = rope_parameters["original_max_position_embeddings"] * inv_freq / (2 * pi)
    keep = ((turns - low) / (high - low)).clamp(0, 1)
    return keep * inv_freq + (1 - keep) * inv_freq / rope_parameters["factor"]
