"""One or two typical uses of every name that is no bonus, from which the shared tests are made."""

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

    def padded(m, ids, attention_mask):
        position_ids = m.make_position_ids(attention_mask)
        return llama(m)(ids, attention_mask=attention_mask, position_ids=position_ids)[:, -1]

    def rectangle(m):
        return torch.tensor(m.generate_batch(llama(m), rows, 3))

    return [
        Sample("pad_batch", lambda m: m.pad_batch(rows, 0)),
        Sample("make_position_ids", lambda m, given: m.make_position_ids(given), (mask,)),
        Sample("make_position_ids", padded, (rng.integers(0, 97, (3, 5)), mask), prepare=llama),
        Sample("make_mask", lambda m, given: m.make_mask(given, 2), (mask,)),
        Sample("generate_batch", lambda m: m.generate_batch(llama(m), rows, 4), prepare=llama),
        Sample("generate_batch", rectangle, prepare=llama),
    ]
