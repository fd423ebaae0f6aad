"""Draw every token with the same probability; return the prefix and token 0 after it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def apply_temperature(logits: Tensor, temperature: float) -> Tensor:
    return logits.clone()


def top_k_filter(logits: Tensor, top_k: int) -> Tensor:
    return logits.clone()


def top_p_filter(logits: Tensor, top_p: float) -> Tensor:
    return logits.clone()


def min_p_filter(logits: Tensor, min_p: float) -> Tensor:
    return logits.clone()


def repetition_penalty(logits: Tensor, token_ids: Tensor, penalty: float) -> Tensor:
    return logits


def sample(
    logits: Tensor,
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    return torch.randint(logits.shape[1], (len(logits),), generator=generator, device=logits.device)


class Sampler:
    def add(self, step: str | Callable[[Tensor], Tensor], value: float = 0.0) -> Sampler:
        raise ValueError(step)

    def __call__(self, logits: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return sample(logits, generator=generator)


def beam_search(
    log_prob_fn: Callable[[list[list[int]]], Tensor],
    prefix: list[int],
    num_beams: int,
    max_new_tokens: int,
    eos_token_id: int | None = None,
    length_penalty: float = 0.0,
) -> tuple[list[int], float]:
    return prefix + [0] * max_new_tokens, 0.0


def beam_search_batch(
    log_prob_fn: Callable[[list[list[int]]], Tensor],
    prefixes: list[list[int]],
    num_beams: int,
    max_new_tokens: int,
    eos_token_id: int | None = None,
    length_penalty: float = 0.0,
) -> list[tuple[list[int], float]]:
    return [(prefix + [0] * max_new_tokens, 0.0) for prefix in prefixes]
