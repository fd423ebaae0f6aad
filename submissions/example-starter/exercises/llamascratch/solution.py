"""Llama from zero: everything between token ids and text, in plain tensors.

Shapes: B batch, S new tokens, T keys (past + S), H query heads, Hkv key/value heads, D head size,
E hidden size, F MLP size, V vocabulary. The README has the formulas and every convention.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoConfig, GenerationConfig, LlamaConfig


class RMSNorm(nn.Module):
    """Divide by the root mean square of the features. Parameter: `weight` [hidden_size], ones at first."""

    def __init__(self, hidden_size: int, eps: float) -> None:
        super().__init__()
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Normalise x [..., E]; same shape and dtype, computed in float32."""
        raise NotImplementedError


def rope_inv_freq(config: LlamaConfig) -> Tensor:
    """Return the rotation speeds theta^(-2i/D), float32 [D/2], in radians per position.

    `config.rope_parameters` is a dict: rope_type ("default" or "llama3"), rope_theta, and for llama3
    factor, low_freq_factor, high_freq_factor, original_max_position_embeddings.
    """
    raise NotImplementedError


def apply_rope(x: Tensor, position_ids: Tensor, inv_freq: Tensor) -> Tensor:
    """Rotate feature i with feature i + D/2 by the angle position * inv_freq[i].

    x [B, H, S, D], position_ids int64 [B, S], inv_freq [D/2]; same shape and dtype as x.
    """
    raise NotImplementedError


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Let every query take its weighted mean of the values: softmax(q k' / sqrt(D)) v.

    q [B, H, S, D]; k, v [B, Hkv, T, D]; mask bool [B|1, 1, S, T], True = may attend, None = all may.
    Returns [B, H, S, D] in the dtype of q.
    """
    raise NotImplementedError


class MLP(nn.Module):
    """SwiGLU: down(silu(gate(x)) * up(x)). Parameters: gate_proj, up_proj, down_proj (nn.Linear, no bias)."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Map x [..., E] to [..., E]."""
        raise NotImplementedError


class KVCache:
    """Rotated keys and values of the tokens seen so far, one pair of tensors per layer."""

    def __init__(self) -> None:
        raise NotImplementedError

    def __len__(self) -> int:
        """Return the number of tokens seen."""
        raise NotImplementedError

    def update(self, layer: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Append k, v [B, Hkv, S, D] to a layer; return all its keys and values [B, Hkv, T, D]."""
        raise NotImplementedError


class Llama(nn.Module):
    """The language model: token ids in, one row of logits per token out.

    Its parameters have the names of a checkpoint (README), and it keeps its `config`.
    """

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        raise NotImplementedError

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: KVCache | None = None,
    ) -> Tensor:
        """Return logits [B, S, V] for token ids [B, S], in the model's dtype.

        attention_mask int64 [B, past + S], 0 hides a key; position_ids int64 [B, S], by default past,
        past + 1, ...; past is the number of tokens in the cache.
        """
        raise NotImplementedError


def load(path: str, dtype: torch.dtype | None = None, device: str = "cpu") -> Llama:
    """Build a Llama from a checkpoint folder: config.json and one or more *.safetensors files.

    dtype None keeps the checkpoint's own. This function is given: it works with your Llama as soon as
    its parameters have the names of a checkpoint.
    """
    config = AutoConfig.from_pretrained(path)
    weights: dict[str, Tensor] = {}
    for file in sorted(Path(path).iterdir()):
        if file.suffix == ".safetensors":  # large models are cut into several files (shards)
            weights |= load_file(file)
    if config.tie_word_embeddings:  # one matrix for both ends of the model, stored once
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
    model = Llama(config)
    model.load_state_dict({name: w.to(dtype or w.dtype) for name, w in weights.items()}, assign=True)
    return model.to(device).eval()


def load_eos(path: str) -> int | None:
    """Return the id of the token that ends a text. This function is given."""
    try:
        eos: int | None = GenerationConfig.from_pretrained(path).eos_token_id
    except OSError:  # no generation_config.json
        eos = AutoConfig.from_pretrained(path).eos_token_id
    return eos


def generate(
    model: Llama,
    input_ids: Tensor,
    max_new_tokens: int,
    eos_token_id: int | None = None,
    prefill_chunk: int | None = None,
) -> Tensor:
    """Continue a prompt [1, S] greedily; return only the new tokens [1, n], EOS included.

    Use `model` only by calling it, with a KVCache, and feed every token once. Bonus: with prefill_chunk
    the prompt is fed in pieces of that many tokens.
    """
    raise NotImplementedError


class Engine:
    """Text in, text out, one prompt at a time."""

    def __init__(self, model_path: str) -> None:
        raise NotImplementedError  # load, load_eos and AutoTokenizer.from_pretrained do most of the work

    def execute(self, prompts: list[str], max_new_tokens: int = 128, temperature: float = 0.0) -> list[str]:
        """Return every prompt with its greedy continuation, without special tokens."""
        raise NotImplementedError

    def last_stats(self) -> dict[str, float]:
        """Bonus: return {"prefill_seconds": ..., "decode_seconds": ...} of the last `execute` (README)."""
        raise NotImplementedError
