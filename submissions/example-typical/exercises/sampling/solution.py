"""Sampling. Top-p follows a snippet that is everywhere; beam search does not run yet."""

import torch


def apply_temperature(logits, temperature):
    return logits / temperature


def top_k_filter(logits, top_k):
    if top_k <= 0 or top_k >= logits.shape[-1]:
        return logits
    kth = torch.topk(logits, top_k, dim=-1).values[:, -1].unsqueeze(-1)
    return torch.where(logits < kth, float("-inf"), logits)


def top_p_filter(logits, top_p):
    if top_p >= 1.0:
        return logits
    sorted_logits, indices = torch.sort(logits, dim=-1, descending=True)
    cumulative = torch.cumsum(torch.softmax(sorted_logits.float(), dim=-1), dim=-1)
    remove = cumulative > top_p
    remove[:, 1:] = remove[:, :-1].clone()  # keep also the first token above the threshold
    remove[:, 0] = False
    return logits.masked_fill(remove.scatter(1, indices, remove), float("-inf"))


def sample(logits, *, temperature=1.0, top_k=0, top_p=1.0, generator=None):
    if temperature == 0:
        return torch.argmax(logits, dim=-1)
    logits = apply_temperature(logits.float(), temperature)
    logits = top_p_filter(top_k_filter(logits, top_k), top_p)
    probs = torch.softmax(logits, dim=-1)
    return torch.multinomial(probs, num_samples=1, generator=generator)[:, 0]


def beam_search(log_prob_fn, prefix, num_beams, max_new_tokens, eos_token_id=None, length_penalty=0.0):
    beams = [{"tokens": list(prefix), "score": 0.0}]
    for _ in range(max_new_tokens):
        log_probs = log_prob_fn([beam["tokens"] for beam in beams])
        candidates = []
        for beam, row in zip(beams, log_probs):
            values, tokens = row.topk(num_beams)
            for value, token in zip(values.tolist(), tokens.tolist()):
                candidates.append({"tokens": beam["tokens"] + [token], "score": beam["score"] + value})
        candidates.sort(key=lambda beam: beam.score, reverse=True)
        beams = candidates[:num_beams]
    best = beams[0]
    return best["tokens"], best["score"]
