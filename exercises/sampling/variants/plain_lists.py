"""Values scattered back instead of masks, an exponential race, beams as plain lists sorted by Python."""

import functools
import math
from collections.abc import Callable

import torch


def apply_temperature(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    return logits / temperature


def top_k_filter(logits: torch.Tensor, top_k: int) -> torch.Tensor:
    if top_k <= 0:
        return logits
    best = logits.topk(min(top_k, logits.shape[1]), dim=1)
    return torch.full_like(logits, -math.inf).scatter(1, best.indices, best.values)


def top_p_filter(logits: torch.Tensor, top_p: float) -> torch.Tensor:
    if top_p >= 1:
        return logits
    values, order = torch.sort(logits, dim=1, descending=True, stable=True)
    mass = values.float().softmax(1).cumsum(1)
    reached = mass >= top_p
    unneeded = torch.zeros_like(reached)
    unneeded[:, 1:] = reached[:, :-1]  # everything after the first token that reaches top_p
    return torch.empty_like(logits).scatter(1, order, values.masked_fill(unneeded, -math.inf))


def min_p_filter(logits: torch.Tensor, min_p: float) -> torch.Tensor:
    if min_p <= 0:
        return logits
    lowest = logits.float().amax(1, keepdim=True) + math.log(min_p)
    return logits.masked_fill(logits.float() < lowest, -math.inf)


def repetition_penalty(logits: torch.Tensor, token_ids: torch.Tensor, penalty: float) -> torch.Tensor:
    seen = torch.nn.functional.one_hot(token_ids, logits.shape[1]).any(1)  # [B, S, V] -> [B, V]
    factor = torch.where(logits > 0, 1 / penalty, penalty)
    return logits * torch.where(seen, factor, 1.0)


def race(logits: torch.Tensor, generator: torch.Generator | None) -> torch.Tensor:
    """Token v arrives first with probability p_v if its time is Exp(1) / p_v. Never below 1e-30: no 0 / 0."""
    times = torch.empty_like(logits).exponential_(generator=generator).clamp(min=1e-30)
    return (logits.softmax(1) / times).argmax(1)


def sample(
    logits: torch.Tensor,
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    if not temperature:
        return logits.argmax(1)
    steps = [(apply_temperature, temperature), (top_k_filter, top_k), (top_p_filter, top_p)]
    return race(functools.reduce(lambda x, step: step[0](x, step[1]), steps, logits.float()), generator)


class Sampler:
    def __init__(self) -> None:
        self.names: list[str] = []
        self.run: Callable[[torch.Tensor], torch.Tensor] = lambda logits: logits.float()

    def add(self, step: str | Callable[[torch.Tensor], torch.Tensor], value: float = 0.0) -> "Sampler":
        if isinstance(step, str):
            self.names.append(step)
            twice = len(set(self.names)) < len(self.names)
            if twice or (len(self.names) > 1 and "greedy" in self.names):
                raise ValueError(f"{step} contradicts an earlier step")
            step = self.named(step, value)
        earlier = self.run
        self.run = lambda logits: step(earlier(logits))
        return self

    def named(self, name: str, value: float) -> Callable[[torch.Tensor], torch.Tensor]:
        match name:
            case "temperature":
                return lambda logits: apply_temperature(logits, value)
            case "top_k":
                return lambda logits: top_k_filter(logits, value)
            case "top_p":
                return lambda logits: top_p_filter(logits, value)
            case "min_p":
                return lambda logits: min_p_filter(logits, value)
            case "greedy":
                return lambda logits: top_k_filter(logits, 1)
        raise ValueError(f"there is no step {name}")

    def __call__(self, logits: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        return race(self.run(logits), generator)


def beam_search_batch(
    log_prob_fn: Callable[[list[list[int]]], torch.Tensor],
    prefixes: list[list[int]],
    num_beams: int,
    max_new_tokens: int,
    eos_token_id: int | None = None,
    length_penalty: float = 0.0,
) -> list[tuple[list[int], float]]:
    live = {i: [([], 0.0)] for i in range(len(prefixes))}
    finished: list[list[tuple[list[int], float]]] = [[] for _ in prefixes]
    for _ in range(max_new_tokens):
        beams = [(i, new, total) for i in live for new, total in live[i]]
        if not beams:
            break
        rows = log_prob_fn([prefixes[i] + new for i, new, _ in beams]).tolist()
        grown = [
            (i, [*new, token], total + gain)
            for (i, new, total), row in zip(beams, rows, strict=True)
            for token, gain in enumerate(row)
            if gain > -math.inf
        ]
        grown.sort(key=lambda beam: beam[2], reverse=True)
        for i in live:
            mine = [(new, total) for owner, new, total in grown if owner == i]
            finished[i] += [beam for beam in mine[:num_beams] if beam[0][-1] == eos_token_id]
            room = num_beams if len(finished[i]) < num_beams else 0
            live[i] = [beam for beam in mine if beam[0][-1] != eos_token_id][:room]
    results = []
    for i, prefix in enumerate(prefixes):
        scores = [
            (total / max(len(new), 1) ** length_penalty, prefix + new) for new, total in finished[i] + live[i]
        ]
        score, tokens = max(scores)
        results.append((tokens, score))
    return results


def beam_search(
    log_prob_fn: Callable[[list[list[int]]], torch.Tensor],
    prefix: list[int],
    num_beams: int,
    max_new_tokens: int,
    eos_token_id: int | None = None,
    length_penalty: float = 0.0,
) -> tuple[list[int], float]:
    return beam_search_batch(log_prob_fn, [prefix], num_beams, max_new_tokens, eos_token_id, length_penalty)[
        0
    ]
