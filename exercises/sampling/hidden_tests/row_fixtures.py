"""Logits on which every correct float32 implementation decides as float64 does: no ties, no close calls."""

import math

import torch

MARGIN = 1e-4  # no cumulative probability lies closer to p than this
GAP = 1e-5  # no two logits of a row lie closer together


def oracle_top_k(logits, top_k):
    """Mask all but the top_k best tokens by their rank in float64."""
    ranks = logits.double().argsort(-1, descending=True).argsort(-1)
    return logits.masked_fill(ranks >= top_k, -math.inf)


def oracle_top_p(logits, top_p):
    """Keep the shortest best-first run of tokens whose float64 mass reaches top_p."""
    probs, order = logits.double().softmax(-1).sort(-1, descending=True)
    needed = 1 + (probs.cumsum(-1) < top_p).sum(-1, keepdim=True)
    ranks = order.argsort(-1)
    return logits.masked_fill(ranks >= needed, -math.inf)


def is_decided(logits, ps=()):
    """Say for each row of [N, V] whether it has no ties, and no cumulative probability close to any p."""
    ordered = logits.double().sort(-1, descending=True).values
    mass = ordered.softmax(-1).cumsum(-1)
    clear = ((ordered[:, :-1] - ordered[:, 1:]).nan_to_num(nan=1.0) > GAP).all(-1)
    for p in ps:
        clear &= ((mass - p).abs() > MARGIN).all(-1)
    return clear


def decided_rows(rng, rows, V, ps=(), *, scale=2.0, hidden=0):
    """Draw [rows, V] decided logits, of which `hidden` per row are -inf."""
    found = torch.empty(0, V)
    while len(found) < rows:
        logits = scale * rng.normal(4 * rows + 16, V)
        for row in logits if hidden else ():
            row[rng.permutation(V)[:hidden]] = -math.inf
        found = torch.cat([found, logits[is_decided(logits, ps)]])
    return found[:rows]


def kept(filtered):
    """Return the mask of the tokens that are still possible."""
    return filtered > -math.inf
