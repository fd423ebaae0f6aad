"""One or two typical uses of every function that is no bonus, from which the shared tests are made."""

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
    ]
