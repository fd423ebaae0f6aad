"""One or two typical uses of every public name, from which the shared tests are made.

Where the student's own Llama runs, only the form of its answer counts: its values are another exercise's.
"""

import torch
from batch_fixtures import make_model

from grader.checks import Sample


class Kept:
    """Builds a model once per solution: making one draws initial weights, using it must not."""

    def __init__(self, model):
        self.model, self.made = model, []

    def __call__(self, m):
        """Return the Llama of solution `m`."""
        for owner, llama in self.made:
            if owner is m:
                return llama
        llama = m.Llama(self.model.config)
        llama.load_state_dict(self.model.weights)
        self.made.append((m, llama))
        return llama


def samples(rng):
    """Return the samples."""
    llama = Kept(make_model("small", rng.seed()))
    rows = [rng.integers(1, 97, (length,)).tolist() for length in (3, 8, 1)]
    mask = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1], [0, 0, 0, 0, 1]])
    q, k, v = rng.normal(3, 4, 2, 16), rng.normal(3, 2, 5, 16), rng.normal(3, 2, 5, 16)
    visible = torch.ones(3, 1, 2, 5, dtype=torch.bool).tril(3) & mask[:, None, None].bool()

    def padded(m, ids, attention_mask):
        position_ids = m.make_position_ids(attention_mask)
        return llama(m)(ids, attention_mask=attention_mask, position_ids=position_ids)[:, -1]

    def rectangle(m):
        return torch.tensor(m.generate_batch(llama(m), rows, 3))

    return [
        Sample("pad_batch", lambda m: m.pad_batch(rows, 0)),
        Sample("make_position_ids", lambda m, given: m.make_position_ids(given), (mask,)),
        Sample("make_position_ids", padded, (rng.integers(0, 97, (3, 5)), mask), False, llama),
        Sample("make_mask", lambda m, given: m.make_mask(given, 2), (mask,)),
        Sample("generate_batch", lambda m: m.generate_batch(llama(m), rows, 4), prepare=llama),
        Sample("generate_batch", rectangle, (), False, llama),
        Sample("cache_utilization", lambda m: m.cache_utilization([3, 8, 1], [4, 4, 2])),
        Sample("attend", lambda m, *given: m.attend(*given, "sdpa"), (q, k, v, visible)),
    ]
