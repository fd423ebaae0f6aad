"""One or two typical uses of every function, from which the shared tests are made."""

import torch
from row_fixtures import decided_rows

from grader.checks import Sample


def seeded():
    """Make a generator, so that a draw has no reason to touch the global random state."""
    return torch.Generator().manual_seed(0)


def samples(rng):
    """Return the samples; draws and half precision are compared in form only."""
    logits = decided_rows(rng, 4, 50, (0.8,))
    half = (2 * rng.normal(2, 50)).bfloat16()
    ladder = torch.arange(50.0)[rng.permutation(50)].repeat(4, 1)  # no probability is close to the threshold
    ids = rng.integers(0, 50, (4, 6))
    mixed = {"temperature": 0.8, "top_k": 10, "top_p": 0.9}
    return [
        Sample("apply_temperature", lambda m, x: m.apply_temperature(x, 0.7), (logits,)),
        Sample("apply_temperature", lambda m, x: m.apply_temperature(x, 2.0), (half,), same=False),
        Sample("top_k_filter", lambda m, x: m.top_k_filter(x, 5), (logits,)),
        Sample("top_k_filter", lambda m, x: m.top_k_filter(x, 5), (half,), same=False),
        Sample("top_p_filter", lambda m, x: m.top_p_filter(x, 0.8), (logits,)),
        Sample("top_p_filter", lambda m, x: m.top_p_filter(x, 0.8), (half,), same=False),
        Sample("sample", lambda m, x: m.sample(x, temperature=0.0), (logits,)),
        Sample("sample", lambda m, x: m.sample(x, top_k=1, generator=seeded()), (logits,)),
        Sample("sample", lambda m, x: m.sample(x, generator=seeded(), **mixed), (logits,), same=False),
        Sample("sample", lambda m, x: m.sample(x, generator=seeded()), (half,), same=False),
        Sample("min_p_filter", lambda m, x: m.min_p_filter(x, 0.1), (ladder,)),
        Sample("repetition_penalty", lambda m, x, i: m.repetition_penalty(x, i, 1.3), (logits, ids)),
    ]
