"""RoPE decoupled from attention: one attention layer, any policy of what a cache keeps and how it rotates.

Shapes: B batch, S new tokens, T keys that a cache returns, H query heads, Hkv key/value heads, D head
size, E hidden size, V vocabulary. The README has every convention.
"""

from typing import Protocol

from torch import Tensor, nn
from transformers import LlamaConfig

from exercises.llamascratch.solution import MLP, RMSNorm, apply_rope, attention, rope_inv_freq  # noqa: F401


class Rope:
    """The rotation of one model: it knows its speeds and nothing of caches. It has no weights."""

    def __init__(self, config: LlamaConfig) -> None:
        raise NotImplementedError

    def __call__(self, x: Tensor, position_ids: Tensor) -> Tensor:
        """Rotate x [B, h, S, D] to positions [B, S]; same shape and dtype."""
        raise NotImplementedError


class CacheProtocol(Protocol):
    """All that a model may ask of a cache. Given: nothing to write here."""

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


class PostRopeCache:
    """Keys are stored after rotation: each is rotated once, and never moves again."""

    def __init__(self) -> None:
        raise NotImplementedError

    def __len__(self) -> int:
        """Return the number of tokens seen."""
        raise NotImplementedError

    def query_positions(self, position_ids: Tensor) -> Tensor:
        """Return the tokens' own positions [B, S]."""
        raise NotImplementedError

    def update(
        self, layer: int, k: Tensor, v: Tensor, position_ids: Tensor, rope: Rope
    ) -> tuple[Tensor, Tensor]:
        """Rotate k [B, Hkv, S, D], append; return all keys and values of the layer [B, Hkv, T, D]."""
        raise NotImplementedError

    def rotated_keys(self, layer: int) -> Tensor:
        """Return the keys [B, Hkv, T, D] as they are stored."""
        raise NotImplementedError


class PreRopeCache:
    """Keys are stored before rotation, with their positions; all are rotated whenever they are read."""

    def __init__(self) -> None:
        raise NotImplementedError

    def __len__(self) -> int:
        """Return the number of tokens seen."""
        raise NotImplementedError

    def query_positions(self, position_ids: Tensor) -> Tensor:
        """Return the tokens' own positions [B, S]."""
        raise NotImplementedError

    def update(
        self, layer: int, k: Tensor, v: Tensor, position_ids: Tensor, rope: Rope
    ) -> tuple[Tensor, Tensor]:
        """Append k [B, Hkv, S, D]; return all keys, rotated now, and values [B, Hkv, T, D]."""
        raise NotImplementedError

    def raw_keys(self, layer: int) -> Tensor:
        """Return the keys [B, Hkv, T, D] as they are stored."""
        raise NotImplementedError


class SinkCache:
    """Bonus: endless text in constant memory. Keeps the first tokens and the latest (README)."""

    def __init__(self, num_sink_tokens: int, window_length: int) -> None:
        raise NotImplementedError

    def __len__(self) -> int:
        """Return the number of tokens seen, forgotten ones included."""
        raise NotImplementedError

    def query_positions(self, position_ids: Tensor) -> Tensor:
        """Return where the S new tokens will stand among the kept ones [B, S]."""
        raise NotImplementedError

    def update(
        self, layer: int, k: Tensor, v: Tensor, position_ids: Tensor, rope: Rope
    ) -> tuple[Tensor, Tensor]:
        """Take in k, v [B, Hkv, S, D]; return sinks and the last max(window, S) tokens [B, Hkv, T, D]."""
        raise NotImplementedError

    def raw_keys(self, layer: int) -> Tensor:
        """Return the keys [B, Hkv, n, D] as they are stored, n <= num_sink_tokens + window_length."""
        raise NotImplementedError


class Llama(nn.Module):
    """The language model, for any rotation and any cache.

    Its parameters have the names of a checkpoint; it keeps `config` and `rope`.
    """

    def __init__(self, config: LlamaConfig, rope: Rope | None = None) -> None:
        super().__init__()
        raise NotImplementedError

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: CacheProtocol | None = None,
    ) -> Tensor:
        """Return logits [B, S, V] for token ids [B, S], in the model's dtype.

        attention_mask int64 [B, T], 0 hides a key, or (bonus) bool [B|1, 1, S, T] in place of the causal
        mask; position_ids int64 [B, S], by default len(cache), len(cache) + 1, ...
        """
        raise NotImplementedError


def llama3_scale(inv_freq: Tensor, rope_parameters: dict[str, Tensor]) -> Tensor:
    """Bonus: scale rotation speeds [..., D/2] as Llama 3.1 does, with tensor operations only.

    Parameters are numbers, or tensors that broadcast against the speeds.
    """
    raise NotImplementedError
