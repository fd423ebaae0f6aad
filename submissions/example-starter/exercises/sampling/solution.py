"""From logits to tokens: temperature, top-k, top-p, sampling and beam search.

Shapes: B rows (sequences), V tokens in the vocabulary. A masked token has logit -inf; every row keeps
at least one finite logit. README.md states every rule that is tested.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def apply_temperature(logits: Tensor, temperature: float) -> Tensor:
    """Sharpen (temperature < 1) or flatten (> 1) the distribution.

    Args:
        logits: [B, V]; may hold -inf.
        temperature: more than 0.

    Returns:
        [B, V], same dtype.
    """
    raise NotImplementedError


def top_k_filter(logits: Tensor, top_k: int) -> Tensor:
    """Mask (-inf) all but the top_k largest logits of each row.

    Args:
        logits: [B, V]; may hold -inf.
        top_k: how many tokens stay; the filter is off if top_k <= 0 or top_k >= V.

    Returns:
        [B, V], same dtype; the input is not changed.
    """
    raise NotImplementedError


def top_p_filter(logits: Tensor, top_p: float) -> Tensor:
    """Mask (-inf) all but each row's smallest set of likeliest tokens whose probabilities sum to >= top_p.

    Args:
        logits: [B, V]; may hold -inf.
        top_p: from 0 (only the likeliest token stays) to 1 (the filter is off).

    Returns:
        [B, V], same dtype; the input is not changed.
    """
    raise NotImplementedError


def sample(
    logits: Tensor,
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Choose one token per row: temperature, then top-k, then top-p, then draw; temperature 0 is argmax.

    Args:
        logits: [B, V], float32, float16 or bfloat16; may hold -inf.
        temperature: 0 or more.
        top_k: see top_k_filter.
        top_p: see top_p_filter.
        generator: source of all randomness; None is torch's global one.

    Returns:
        int64 [B].
    """
    raise NotImplementedError


def beam_search(
    log_prob_fn: Callable[[list[list[int]]], Tensor],
    prefix: list[int],
    num_beams: int,
    max_new_tokens: int,
    eos_token_id: int | None = None,
    length_penalty: float = 0.0,
) -> tuple[list[int], float]:
    """Search for the likeliest continuation of a prefix.

    Args:
        log_prob_fn: takes n token lists, returns [n, V]: log-probabilities of each list's next token.
        prefix: the tokens to continue.
        num_beams: how many beams stay alive, 1 or more.
        max_new_tokens: limit of new tokens, 0 or more.
        eos_token_id: a beam that ends in this token is finished; None: no beam finishes.
        length_penalty: exponent of the number of new tokens in the score.

    Returns:
        (prefix + new tokens, score), score = sum of log-probabilities / (new tokens ** length_penalty).
    """
    raise NotImplementedError


# Bonus. Delete what you do not implement, or leave it.


def min_p_filter(logits: Tensor, min_p: float) -> Tensor:
    """Mask (-inf) the tokens whose probability is below min_p times the largest of their row.

    Args:
        logits: [B, V]; may hold -inf.
        min_p: from 0 (the filter is off) to 1.

    Returns:
        [B, V], same dtype; the input is not changed.
    """
    raise NotImplementedError


def repetition_penalty(logits: Tensor, token_ids: Tensor, penalty: float) -> Tensor:
    """Make tokens that were already seen less likely.

    Args:
        logits: [B, V]; may hold -inf.
        token_ids: int64 [B, S], the tokens seen in each row.
        penalty: more than 0; positive logits are divided by it, negative ones multiplied.

    Returns:
        [B, V], same dtype; the input is not changed.
    """
    raise NotImplementedError


class Sampler:
    """An ordered list of steps on the logits, then a draw."""

    def __init__(self) -> None:
        raise NotImplementedError

    def add(self, step: str | Callable[[Tensor], Tensor], value: float = 0.0) -> Sampler:
        """Append a step and return self.

        Args:
            step: "temperature", "top_k", "top_p", "min_p" or "greedy", or any function [B, V] -> [B, V].
            value: the parameter of a named step.

        Raises:
            ValueError: the name is unknown, was added before, or "greedy" meets another named step.
        """
        raise NotImplementedError

    def __call__(self, logits: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Apply the steps in the order they were added, then draw. [B, V] -> int64 [B]."""
        raise NotImplementedError


def beam_search_batch(
    log_prob_fn: Callable[[list[list[int]]], Tensor],
    prefixes: list[list[int]],
    num_beams: int,
    max_new_tokens: int,
    eos_token_id: int | None = None,
    length_penalty: float = 0.0,
) -> list[tuple[list[int], float]]:
    """Run one beam search per prefix, with one call of log_prob_fn per step for all of them.

    Args:
        log_prob_fn: as in beam_search; the token lists of a call may differ in length.
        prefixes: one token list per search.
        num_beams: how many beams stay alive in each search.
        max_new_tokens: limit of new tokens of each search.
        eos_token_id: as in beam_search.
        length_penalty: as in beam_search.

    Returns:
        One (prefix + new tokens, score) per prefix, in their order.
    """
    raise NotImplementedError
