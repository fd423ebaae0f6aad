"""Rotate nothing; store keys as they come; ask a cache all that must be asked, and look at no other token."""

from typing import Protocol

import torch
from torch import Tensor, nn
from transformers import LlamaConfig

from exercises.llamascratch.solution import MLP, RMSNorm


class Rope:
    def __init__(self, config: LlamaConfig) -> None:
        self.config = config

    def __call__(self, x: Tensor, position_ids: Tensor) -> Tensor:
        return x


class CacheProtocol(Protocol):
    def __len__(self) -> int: ...

    def query_positions(self, position_ids: Tensor) -> Tensor: ...

    def update(
        self, layer: int, k: Tensor, v: Tensor, position_ids: Tensor, rope: Rope
    ) -> tuple[Tensor, Tensor]: ...


class Stored:
    def __init__(self) -> None:
        self.layers: dict[int, tuple[Tensor, Tensor]] = {}

    def __len__(self) -> int:
        return self.layers[0][0].shape[2] if self.layers else 0

    def query_positions(self, position_ids: Tensor) -> Tensor:
        return position_ids

    def update(
        self, layer: int, k: Tensor, v: Tensor, position_ids: Tensor, rope: Rope
    ) -> tuple[Tensor, Tensor]:
        if layer in self.layers:
            k, v = (torch.cat(pair, dim=2) for pair in zip(self.layers[layer], (k, v), strict=True))
        self.layers[layer] = k, v
        return k, v

    def raw_keys(self, layer: int) -> Tensor:
        return self.layers[layer][0]


class PreRopeCache(Stored):
    pass


class PostRopeCache(Stored):
    def rotated_keys(self, layer: int) -> Tensor:
        return self.raw_keys(layer)


class SinkCache(Stored):
    def __init__(self, num_sink_tokens: int, window_length: int) -> None:
        super().__init__()


class Attention(nn.Module):
    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        E, D = config.hidden_size, config.head_dim
        self.q_proj = nn.Linear(E, config.num_attention_heads * D, bias=False)
        self.k_proj = nn.Linear(E, config.num_key_value_heads * D, bias=False)
        self.v_proj = nn.Linear(E, config.num_key_value_heads * D, bias=False)
        self.o_proj = nn.Linear(config.num_attention_heads * D, E, bias=False)


class Block(nn.Module):
    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.self_attn, self.mlp = Attention(config), MLP(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)


class Decoder(nn.Module):
    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)


class Llama(nn.Module):
    def __init__(self, config: LlamaConfig, rope: Rope | None = None) -> None:
        super().__init__()
        self.config, self.rope = config, Rope(config) if rope is None else rope
        self.model = Decoder(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: CacheProtocol | None = None,
    ) -> Tensor:
        past = 0 if cache is None else len(cache)
        if position_ids is None:
            position_ids = (past + torch.arange(input_ids.shape[1])).to(input_ids.device).expand_as(input_ids)
        if cache is not None:
            cache.query_positions(position_ids)
        x = self.model.embed_tokens(input_ids)
        for i, block in enumerate(self.model.layers):
            k, v = (
                project(x).unflatten(-1, (-1, self.config.head_dim)).transpose(1, 2)
                for project in (block.self_attn.k_proj, block.self_attn.v_proj)
            )
            if cache is not None:
                cache.update(i, k, v, position_ids, self.rope)
        return self.lm_head(self.model.norm(x))


def llama3_scale(inv_freq: Tensor, rope_parameters: dict[str, Tensor]) -> Tensor:
    return inv_freq
