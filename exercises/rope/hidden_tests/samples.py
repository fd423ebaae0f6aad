"""Typical uses of every name that is no bonus, from which the shared tests are made."""

import torch
from rope_fixtures import make_config, make_model

from grader.checks import Sample


class Kept:
    """Builds a model once per solution: making one draws initial weights, using it must not."""

    def __init__(self, model):
        self.model, self.made = model, []

    def __call__(self, m):
        """Return the model of solution `m`."""
        for owner, theirs in self.made:
            if owner is m:
                return theirs
        theirs = m.Llama(self.model.config)
        theirs.load_state_dict(self.model.weights)
        self.made.append((m, theirs))
        return theirs


def samples(rng):
    """Return the samples."""
    llama, config = Kept(make_model("gqa", rng.seed())), make_config("gqa")
    k, v = rng.normal(2, 2, 5, 8), rng.normal(2, 2, 5, 8)
    ids, where = rng.integers(3, 131, (2, 7)), rng.integers(0, 400, (2, 7))

    def update(kind):
        def run(m, k, v, position_ids):
            return tuple(getattr(m, kind)().update(0, k, v, position_ids, m.Rope(config)))

        return Sample(kind, run, (k, v, where[:, :5]))

    def stored(kind, keys):
        def run(m, k, v, position_ids):
            cache = getattr(m, kind)()
            cache.update(0, k, v, position_ids, m.Rope(config))
            return getattr(cache, keys)(0)

        return Sample(kind, run, (k, v, where[:, :5]))

    def cached(kind):
        def run(m, first, second):
            cache = getattr(m, kind)()
            return llama(m)(first, cache=cache), llama(m)(second, cache=cache)

        return Sample("Llama", run, (ids[:, :4], ids[:, 4:]), prepare=llama)

    def explicit(m, ids, mask, position_ids):
        return llama(m)(ids, attention_mask=mask, position_ids=position_ids)

    def asked(m, position_ids):
        return m.PreRopeCache().query_positions(position_ids)

    return [
        Sample("Rope", lambda m, x, p: m.Rope(config)(x, p), (k, where[:, :5])),
        update("PostRopeCache"),
        update("PreRopeCache"),
        stored("PostRopeCache", "rotated_keys"),
        stored("PreRopeCache", "raw_keys"),
        Sample("PreRopeCache", asked, (where,)),
        Sample("Llama", lambda m, x: llama(m)(x), (ids,), prepare=llama),
        Sample("Llama", explicit, (ids, torch.ones_like(ids), where), prepare=llama),
        cached("PostRopeCache"),
        cached("PreRopeCache"),
    ]
