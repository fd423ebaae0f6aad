"""From logits to tokens: temperature, top-k, top-p, sampling and beam search.

Shapes: B rows (sequences), V tokens in the vocabulary. A masked token has logit -inf, which softmax
turns into a probability of exactly zero; every row keeps at least one finite logit.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

Beam = tuple[list[int], float]  # all tokens, prefix first; sum of the new tokens' log-probabilities
LogProbFn = Callable[[list[list[int]]], Tensor]  # n token lists -> [n, V]
Step = Callable[[Tensor], Tensor]  # [B, V] -> [B, V]


def apply_temperature(logits: Tensor, temperature: float) -> Tensor:
    """Sharpen (temperature < 1) or flatten (> 1) the distribution. [B, V] -> [B, V]."""
    return logits / temperature


def top_k_filter(logits: Tensor, top_k: int) -> Tensor:
    """Mask all but the `top_k` largest logits of each row; off if top_k <= 0 or >= V. [B, V] -> [B, V]."""
    if not 0 < top_k < logits.shape[-1]:
        return logits
    smallest_kept = logits.topk(top_k).values[:, -1:]  # [B, 1]
    return logits.masked_fill(logits < smallest_kept, -math.inf)


def top_p_filter(logits: Tensor, top_p: float) -> Tensor:
    """Keep each row's smallest set of likeliest tokens with mass >= top_p (nucleus, arXiv:1904.09751).

    Going down from the likeliest token, one is still needed as long as the mass *before* it is below
    top_p. The likeliest is always kept. Masses are added in float32. [B, V] -> [B, V].
    """
    if top_p >= 1:
        return logits
    probs, order = logits.softmax(-1, dtype=torch.float32).sort(-1, descending=True)  # [B, V], best first
    mask = probs.cumsum(-1) - probs >= top_p  # the mass before each token suffices
    mask[:, 0] = False
    return logits.masked_fill(mask.scatter(-1, order, mask), -math.inf)  # back from rank to token id


def min_p_filter(logits: Tensor, min_p: float) -> Tensor:
    """Mask tokens less likely than min_p x the likeliest (arXiv:2407.01082). [B, V] -> [B, V]."""
    probs = logits.softmax(-1, dtype=torch.float32)
    return logits.masked_fill(probs < min_p * probs.amax(-1, keepdim=True), -math.inf)


def repetition_penalty(logits: Tensor, token_ids: Tensor, penalty: float) -> Tensor:
    """Make the tokens in token_ids [B, S] less likely (CTRL, arXiv:1909.05858). [B, V] -> [B, V].

    Positive logits are divided, negative ones multiplied; a token seen twice is penalised once.
    """
    seen = torch.zeros_like(logits, dtype=torch.bool).scatter(-1, token_ids, True)  # [B, V]
    return torch.where(seen, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


def draw(logits: Tensor, generator: torch.Generator | None) -> Tensor:
    """Draw one token per row from softmax(logits). Float32 [B, V] -> int64 [B]."""
    return torch.multinomial(logits.softmax(-1), 1, generator=generator).squeeze(-1)  # [B, 1] -> [B]


def sample(
    logits: Tensor,
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Choose one token per row: temperature, then top-k, then top-p, then draw. [B, V] -> int64 [B].

    Temperature 0 is argmax. Half-precision logits are widened first: divided by a small temperature
    they would overflow.
    """
    if temperature == 0:
        return logits.argmax(-1)
    logits = apply_temperature(logits.float(), temperature)
    return draw(top_p_filter(top_k_filter(logits, top_k), top_p), generator)


STEPS: dict[str, Callable[..., Tensor]] = {
    "temperature": apply_temperature,
    "top_k": top_k_filter,
    "top_p": top_p_filter,
    "min_p": min_p_filter,
    "greedy": lambda logits, _: top_k_filter(logits, 1),
}


class Sampler:
    """An ordered list of steps on the logits, then a draw."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.steps: list[Step] = []

    def add(self, step: str | Step, value: float = 0.0) -> Sampler:
        """Append a step of STEPS by name, or any function [B, V] -> [B, V]; returns self.

        Raises ValueError for an unknown name, a name given twice, and "greedy" beside another name.
        """
        if isinstance(step, str):
            clash = step in self.names or ("greedy" in self.names | {step} and self.names)
            if step not in STEPS or clash:
                raise ValueError(f"step {step!r} is unknown or does not go with {sorted(self.names)}")
            self.names.add(step)
            self.steps.append(lambda logits: STEPS[step](logits, value))
        else:
            self.steps.append(step)
        return self

    def __call__(self, logits: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """Apply the steps in order and draw. [B, V] -> int64 [B]."""
        logits = logits.float()
        for step in self.steps:
            logits = step(logits)
        return draw(logits, generator)


@dataclass
class Search:
    """One beam search in progress: the beams to extend, and those that ended in EOS."""

    prefix_len: int
    live: list[Beam]
    finished: list[Beam] = field(default_factory=list)

    def advance(self, log_probs: Tensor, num_beams: int, eos_token_id: int | None) -> None:
        """Extend the live beams by one token, given its log-probabilities [live, V]."""
        candidates = self.rank(log_probs, 2 * num_beams)  # at least half of them do not end in EOS
        self.finished += [beam for beam in candidates[:num_beams] if beam[0][-1] == eos_token_id]
        self.live = [beam for beam in candidates if beam[0][-1] != eos_token_id][:num_beams]
        if len(self.finished) >= num_beams:
            self.live = []

    def rank(self, log_probs: Tensor, n: int) -> list[Beam]:
        """Return the n best one-token extensions of all live beams together, best first."""
        V = log_probs.shape[-1]
        sums = torch.tensor([total for _, total in self.live], dtype=torch.float64, device=log_probs.device)
        totals = (sums[:, None] + log_probs).flatten()  # [live, V] -> [live * V]
        best = totals.topk(min(n, len(totals)))
        ranked = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [(self.live[i // V][0] + [i % V], total) for i, total in ranked if total > -math.inf]

    def result(self, length_penalty: float) -> Beam:
        """Return the best beam with its score."""
        beams = self.finished + self.live
        scored = [(tokens, self.score(tokens, total, length_penalty)) for tokens, total in beams]
        return max(scored, key=lambda beam: beam[1])

    def score(self, tokens: list[int], total: float, length_penalty: float) -> float:
        """Divide the sum by (number of new tokens, EOS included) ** length_penalty."""
        return float(total / max(len(tokens) - self.prefix_len, 1) ** length_penalty)


def beam_search(
    log_prob_fn: LogProbFn,
    prefix: list[int],
    num_beams: int,
    max_new_tokens: int,
    eos_token_id: int | None = None,
    length_penalty: float = 0.0,
) -> Beam:
    """Search for the likeliest continuation; return (prefix + new tokens, score)."""
    results = beam_search_batch(
        log_prob_fn, [prefix], num_beams, max_new_tokens, eos_token_id, length_penalty
    )
    return results[0]


def beam_search_batch(
    log_prob_fn: LogProbFn,
    prefixes: list[list[int]],
    num_beams: int,
    max_new_tokens: int,
    eos_token_id: int | None = None,
    length_penalty: float = 0.0,
) -> list[Beam]:
    """Run one beam search per prefix, with one call of log_prob_fn per step for all of them."""
    searches = [Search(len(prefix), [(prefix.copy(), 0.0)]) for prefix in prefixes]
    for _ in range(max_new_tokens):
        sequences = [tokens for search in searches for tokens, _ in search.live]
        if not sequences:
            break
        rows = torch.split(log_prob_fn(sequences), [len(search.live) for search in searches])
        for search, log_probs in zip(searches, rows, strict=True):  # [live, V]
            search.advance(log_probs, num_beams, eos_token_id)
    return [search.result(length_penalty) for search in searches]
