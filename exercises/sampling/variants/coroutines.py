"""Ranks instead of scatter, Gumbel noise instead of multinomial, each beam search a coroutine with a heap."""

import heapq
import math

import torch


def apply_temperature(logits: torch.Tensor, temperature: float) -> torch.Tensor:
    return logits * (1 / temperature)


def keep_best(logits, count):
    """Keep the `count` [B, 1] (or int) best tokens of each row."""
    ranks = logits.argsort(dim=-1, descending=True).argsort(dim=-1)  # [B, V]: 0 is the best
    return torch.where(ranks < count, logits, -math.inf)


def top_k_filter(logits: torch.Tensor, top_k: int) -> torch.Tensor:
    return keep_best(logits, top_k if top_k > 0 else logits.shape[1])


def top_p_filter(logits: torch.Tensor, top_p: float) -> torch.Tensor:
    if top_p >= 1:
        return logits.clone()
    mass = torch.softmax(logits.float(), dim=1).sort(dim=1, descending=True).values.cumsum(dim=1)
    return keep_best(logits, (mass < top_p).sum(dim=1, keepdim=True) + 1)


def min_p_filter(logits: torch.Tensor, min_p: float) -> torch.Tensor:
    log_ratio = logits.float() - logits.float().max(dim=1, keepdim=True).values  # log(p / p_max)
    return torch.where(log_ratio.exp() >= min_p, logits, -math.inf)


def repetition_penalty(logits: torch.Tensor, token_ids: torch.Tensor, penalty: float) -> torch.Tensor:
    old = logits.gather(1, token_ids)
    return logits.scatter(1, token_ids, torch.where(old < 0, old * penalty, old / penalty))


def gumbel_max(logits, generator):
    """The largest of logits + Gumbel noise falls on token v with probability softmax(logits)[v]."""
    uniform = torch.rand(logits.shape, generator=generator, dtype=torch.float64, device=logits.device)
    return (logits - (-uniform.log()).log()).argmax(dim=1)


def sample(
    logits: torch.Tensor,
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    generator: torch.Generator | None = None,
) -> torch.Tensor:
    if temperature == 0:
        return logits.max(dim=1).indices
    logits = apply_temperature(logits.double(), temperature)
    return gumbel_max(top_p_filter(top_k_filter(logits, top_k), top_p), generator)


class Sampler:
    def __init__(self) -> None:
        self.steps = []

    def add(self, step, value: float = 0.0):
        named = [name for name, _ in self.steps if isinstance(name, str)]
        alone = named and "greedy" in (step, *named)
        if isinstance(step, str) and (step not in self.known() or step in named or alone):
            raise ValueError(f"cannot add {step}")
        self.steps.append((step, value))
        return self

    def known(self):
        return {
            "temperature": apply_temperature,
            "top_k": top_k_filter,
            "top_p": top_p_filter,
            "min_p": min_p_filter,
            "greedy": lambda logits, _: keep_best(logits, 1),
        }

    def __call__(self, logits: torch.Tensor, generator: torch.Generator | None = None) -> torch.Tensor:
        logits = logits.float()
        for step, value in self.steps:
            logits = self.known()[step](logits, value) if isinstance(step, str) else step(logits)
        return gumbel_max(logits, generator)


def searching(prefix, num_beams, max_new_tokens, eos_token_id, length_penalty):
    """Yield the sequences to extend, take their log-probabilities, return (tokens, score)."""
    live, finished = [(0.0, prefix[:])], []
    for _ in range(max_new_tokens):
        rows = yield [tokens for _, tokens in live]
        candidates = (
            (total + log_prob, [*tokens, token])
            for (total, tokens), row in zip(live, rows.tolist(), strict=True)
            for token, log_prob in enumerate(row)
            if log_prob > -math.inf
        )
        best, live = heapq.nlargest(2 * num_beams, candidates), []
        for rank, beam in enumerate(best):
            if beam[1][-1] != eos_token_id:
                live.append(beam)
            elif rank < num_beams:
                finished.append(beam)
        del live[num_beams:]
        if len(finished) >= num_beams or not live:
            break
    if len(finished) < num_beams:
        finished += live
    return max(
        ((tokens, total / (len(tokens) - len(prefix) or 1) ** length_penalty) for total, tokens in finished),
        key=lambda pair: pair[1],
    )


def beam_search(
    log_prob_fn,
    prefix: list[int],
    num_beams: int,
    max_new_tokens: int,
    eos_token_id: int | None = None,
    length_penalty: float = 0.0,
) -> tuple[list[int], float]:
    return beam_search_batch(
        log_prob_fn, [prefix], num_beams, max_new_tokens, eos_token_id, length_penalty
    ).pop()


def beam_search_batch(
    log_prob_fn,
    prefixes: list[list[int]],
    num_beams: int,
    max_new_tokens: int,
    eos_token_id: int | None = None,
    length_penalty: float = 0.0,
) -> list[tuple[list[int], float]]:
    results, asked = [None] * len(prefixes), {}
    searches = [
        searching(prefix, num_beams, max_new_tokens, eos_token_id, length_penalty) for prefix in prefixes
    ]

    def resume(i, rows):
        try:
            asked[i] = searches[i].send(rows)
        except StopIteration as end:
            results[i] = end.value

    for i in range(len(prefixes)):
        resume(i, None)
    while asked:
        log_probs = log_prob_fn([tokens for sequences in asked.values() for tokens in sequences])
        waiting, asked = asked, {}
        for i, sequences in waiting.items():
            rows, log_probs = log_probs[: len(sequences)], log_probs[len(sequences) :]
            resume(i, rows)
    return results
