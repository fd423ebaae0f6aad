"""A KV cache that never moves, and one compiled decode step.

Shapes: L layers, B batch, S new tokens, T slots (max_length), Hkv key/value heads, D head size, V vocabulary.
The README has every convention.
"""

import torch
from torch import Tensor, nn
from transformers import LlamaConfig

from exercises.llamascratch.solution import Llama


class StaticCache(nn.Module):
    """Keys and values of B sequences in two buffers, `k` and `v` [L, B, Hkv, T, D], zeros at first.

    Slot p belongs to position p. The buffers never grow, move or get replaced.
    """

    k: Tensor
    v: Tensor

    def __init__(
        self,
        config: LlamaConfig,
        batch_size: int,
        max_length: int,
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
    ) -> None:
        super().__init__()
        raise NotImplementedError  # self.register_buffer("k", ...), see torch.nn.Module

    def reset(self) -> None:
        """Fill all slots with zeros, in place."""
        raise NotImplementedError

    def addresses(self) -> list[int]:
        """Return where the two buffers lie in memory. This method is given."""
        return [self.k.data_ptr(), self.v.data_ptr()]


def prefill(
    model: Llama, input_ids: Tensor, cache: StaticCache, attention_mask: Tensor | None = None
) -> Tensor:
    """Put a prompt [B, S] into slots 0 to S - 1; return the logits [B, V] of its last token.

    Raises ValueError, before anything is written, where S > T. Bonus: attention_mask int64 [B, S] is 0 at
    padding, which is on the left.
    """
    raise NotImplementedError


def decode_step(model: Llama, input_ids: Tensor, position: Tensor, cache: StaticCache) -> Tensor:
    """Feed one token per row, [B, 1], at `position`, int64 [1]; return its logits [B, V].

    Writes slot `position`, sees slots 0 to `position`. One graph for all positions, under
    torch.compile(fullgraph=True, dynamic=False) and under plain torch.compile.
    """
    raise NotImplementedError


def generate(
    model: Llama,
    input_ids: Tensor,
    max_new_tokens: int,
    *,
    compile: bool = False,  # noqa: A002
    eos_token_id: int | None = None,
    attention_mask: Tensor | None = None,
) -> Tensor:
    """Continue prompts [B, S] greedily; return the new tokens [B, n]. A finished row repeats EOS.

    With `compile` decoding goes through torch.compile, to the same effect. Raises ValueError where
    S + max_new_tokens - 1 exceeds max_position_embeddings. Bonus: attention_mask as in prefill.
    """
    raise NotImplementedError


def bucket(length: int) -> int:
    """Bonus: return the padded length of a prompt of that many tokens."""
    raise NotImplementedError


def prefill_bucket(model: Llama, input_ids: Tensor, length: Tensor, cache: StaticCache) -> Tensor:
    """Bonus: prefill a prompt padded on the right to [B, S]; return the logits [B, V] of token length - 1.

    length int64 [1]; its value decides nothing about shapes.
    """
    raise NotImplementedError
