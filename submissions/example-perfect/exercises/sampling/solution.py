"""Sampling and beam search: everything right, and the bonus."""

import math

import torch
from torch import Tensor


def apply_temperature(logits: Tensor, temperature: float) -> Tensor:
    return logits.div(temperature)


def top_k_filter(logits: Tensor, top_k: int) -> Tensor:
    V = logits.size(-1)
    if top_k <= 0 or top_k >= V:
        return logits.clone()
    threshold = logits.kthvalue(V - top_k + 1, dim=-1, keepdim=True).values
    return logits.where(logits >= threshold, -math.inf)


def top_p_filter(logits: Tensor, top_p: float) -> Tensor:
    if top_p == 1:
        return logits.clone()
    probs, order = logits.double().softmax(-1).sort(-1)  # least likely first
    masked = probs.cumsum(-1) <= 1 - top_p  # what is left without these still reaches top_p
    masked[..., -1] = False
    return logits.masked_fill(torch.zeros_like(masked).scatter_(-1, order, masked), -math.inf)


def min_p_filter(logits: Tensor, min_p: float) -> Tensor:
    probs = logits.double().softmax(-1)
    return logits.where(probs >= min_p * probs.max(-1, keepdim=True).values, -math.inf)


def repetition_penalty(logits: Tensor, token_ids: Tensor, penalty: float) -> Tensor:
    result = logits.clone()
    for row, tokens in zip(result, token_ids, strict=True):
        seen = tokens.unique()
        row[seen] = torch.where(row[seen] > 0, row[seen] / penalty, row[seen] * penalty)
    return result


def choose(logits, generator):
    cdf = logits.double().softmax(-1).cumsum(-1)  # [B, V]
    chance = torch.rand(len(cdf), 1, generator=generator, dtype=torch.float64, device=cdf.device)
    return torch.searchsorted(cdf, chance * cdf[:, -1:], right=True).flatten()  # first with cdf > chance


def sample(
    logits: Tensor,
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    if temperature > 0:
        logits = apply_temperature(logits.to(torch.float32), temperature)
        return choose(top_p_filter(top_k_filter(logits, top_k), top_p), generator)
    return logits.argmax(dim=-1)


class Sampler:
    def __init__(self) -> None:
        self.named = {"temperature": apply_temperature, "top_k": top_k_filter, "top_p": top_p_filter}
        self.named |= {"min_p": min_p_filter, "greedy": None}
        self.used, self.pipeline = [], []

    def add(self, step, value: float = 0.0):
        if callable(step):
            self.pipeline.append((step, ()))
            return self
        if step not in self.named or "greedy" in self.used or (step == "greedy" and self.used):
            raise ValueError(step)
        function = self.named.pop(step)
        self.used.append(step)
        if function:
            self.pipeline.append((function, (value,)))
        return self

    def __call__(self, logits: Tensor, generator: torch.Generator | None = None) -> Tensor:
        for function, arguments in self.pipeline:
            logits = function(logits, *arguments)
        return logits.argmax(-1) if "greedy" in self.used else choose(logits, generator)


class Search:
    def __init__(self, prefix, num_beams, eos_token_id, length_penalty):
        self.tokens = torch.tensor([prefix])  # [live, length]
        self.totals = torch.zeros(1, dtype=torch.float64)  # [live]
        self.start, self.num_beams = len(prefix), num_beams
        self.eos, self.length_penalty = eos_token_id, length_penalty
        self.finished = []

    def score(self, totals):
        return totals / max(self.tokens.shape[1] - self.start, 1) ** self.length_penalty

    def collect(self, keep, totals):
        self.finished += zip(self.tokens[keep].tolist(), self.score(totals[keep]).tolist(), strict=True)

    def step(self, log_probs):
        V = log_probs.shape[1]
        totals = (self.totals[:, None] + log_probs.cpu()).view(-1)
        totals, places = totals.sort(descending=True, stable=True)
        possible = totals > -math.inf
        totals, places = totals[possible], places[possible]
        self.tokens = torch.cat([self.tokens[places // V], places[:, None] % V], dim=1)
        ended = self.tokens[:, -1] == (-1 if self.eos is None else self.eos)
        best = torch.arange(len(totals)) < self.num_beams
        self.collect(ended & best, totals)
        going_on = (~ended).nonzero().flatten()[: self.num_beams]
        if len(self.finished) >= self.num_beams:
            going_on = going_on[:0]
        self.tokens, self.totals = self.tokens[going_on], totals[going_on]

    def best(self):
        self.collect(slice(None), self.totals)
        return max(self.finished, key=lambda pair: pair[1])


def beam_search(
    log_prob_fn,
    prefix: list[int],
    num_beams: int,
    max_new_tokens: int,
    eos_token_id: int | None = None,
    length_penalty: float = 0.0,
) -> tuple[list[int], float]:
    search = Search(prefix, num_beams, eos_token_id, length_penalty)
    for _ in range(max_new_tokens):
        if len(search.tokens):
            search.step(log_prob_fn(search.tokens.tolist()))
    return search.best()


def beam_search_batch(
    log_prob_fn,
    prefixes: list[list[int]],
    num_beams: int,
    max_new_tokens: int,
    eos_token_id: int | None = None,
    length_penalty: float = 0.0,
) -> list[tuple[list[int], float]]:
    searches = [Search(prefix, num_beams, eos_token_id, length_penalty) for prefix in prefixes]
    for _ in range(max_new_tokens):
        active = [search for search in searches if len(search.tokens)]
        if active:
            log_probs = log_prob_fn([tokens for search in active for tokens in search.tokens.tolist()])
        for search in active:
            rows, log_probs = log_probs.tensor_split([len(search.tokens)])
            search.step(rows)
    return [search.best() for search in searches]
