"""Batches: many prompts of unequal length, one forward pass per step for all of them.

Shapes: B rows, S new tokens, T keys (past + S), H query heads, Hkv kv heads, D head size. The README has
every convention. Keep the names KVCache and Llama importable from this file: the tests use them.
"""

from torch import Tensor
from transformers import AutoConfig, GenerationConfig

from exercises.llamascratch.solution import KVCache, Llama  # noqa: F401


def pad_batch(token_lists: list[list[int]], pad_token_id: int) -> tuple[Tensor, Tensor]:
    """Return ids and attention mask of a batch, both int64 [B, S], padded on the left to the longest row.

    In the mask 1 is a real token and 0 is padding. Raises ValueError for a row without tokens.
    """
    raise NotImplementedError


def make_position_ids(attention_mask: Tensor) -> Tensor:
    """Return positions int64 [B, T]: the real tokens of a row count 0, 1, 2, ..., padding gets 0."""
    raise NotImplementedError


def make_mask(attention_mask: Tensor, num_new: int) -> Tensor:
    """Return bool [B, 1, S, T], True = may attend, for the last S = num_new of T tokens.

    attention_mask int64 [B, T]. A query sees the keys up to itself that are no padding.
    """
    raise NotImplementedError


def generate_batch(
    model: Llama,
    token_lists: list[list[int]],
    max_new_tokens: int,
    eos_token_id: int | None = None,
    pad_token_id: int = 0,
) -> list[list[int]]:
    """Continue all prompts greedily, one forward pass per step; return the new tokens of each, EOS included.

    Use `model` only by calling it: model(input_ids, attention_mask=..., position_ids=..., cache=...).
    """
    raise NotImplementedError


def load_eos(path: str) -> int | None:
    """Return the id of the token that ends a text. This function is given."""
    try:
        eos: int | None = GenerationConfig.from_pretrained(path).eos_token_id
    except OSError:  # no generation_config.json
        eos = AutoConfig.from_pretrained(path).eos_token_id
    return eos


class Engine:
    """Text in, text out, all prompts in one batch."""

    def __init__(self, model_path: str) -> None:
        raise NotImplementedError  # load, load_eos and AutoTokenizer.from_pretrained do most of the work

    def execute(self, prompts: list[str], max_new_tokens: int = 128, temperature: float = 0.0) -> list[str]:
        """Return every prompt with its greedy continuation, without special tokens."""
        raise NotImplementedError


def cache_utilization(prompt_lens: list[int], new_lens: list[int]) -> float:
    """Bonus: return the share of the batch's cache slots that are used (README)."""
    raise NotImplementedError


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, backend: str = "eager") -> Tensor:
    """Bonus: attend with your own attention ("eager") or with torch's fused one ("sdpa").

    q [B, H, S, D]; k, v [B, Hkv, T, D]; mask bool [B|1, 1, S, T] or None. Returns [B, H, S, D].
    """
    raise NotImplementedError
