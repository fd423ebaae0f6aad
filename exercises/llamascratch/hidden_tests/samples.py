"""One or two typical uses of every public name, from which the shared tests are made."""

import torch
from llama_fixtures import LLAMA3, inv_freq64, make_config, make_model

from grader.checks import Sample


class Kept:
    """Builds a module once per solution: making one draws initial weights, using it must not."""

    def __init__(self, build):
        self.build, self.made = build, []

    def __call__(self, m):
        """Return the module of solution `m`."""
        for owner, module in self.made:
            if owner is m:
                return module
        self.made.append((m, self.build(m)))
        return self.made[-1][1]


def loaded(make, weights):
    """Return a builder of a module with these weights."""

    def build(m):
        module = make(m)
        module.load_state_dict(weights)
        return module

    return Kept(build)


def samples(rng):
    """Return the samples."""
    model = make_model("gqa", rng.seed())
    config, scaled = model.config, make_config("llama3")
    mlp = {n.removeprefix("model.layers.0.mlp."): w for n, w in model.weights.items() if "layers.0.mlp" in n}
    norm = loaded(lambda m: m.RMSNorm(64, 1e-5), {"weight": model.weights["model.norm.weight"]})
    feed_forward = loaded(lambda m: m.MLP(config), mlp)
    llama = loaded(lambda m: m.Llama(config), model.weights)

    def cached(m, first, second):
        cache = m.KVCache()
        return llama(m)(first, cache=cache), llama(m)(second, cache=cache)

    def explicit(m, ids, mask, position_ids):
        return llama(m)(ids, attention_mask=mask, position_ids=position_ids)

    inv = inv_freq64(16, LLAMA3["rope_theta"]).float()
    q, k, v = rng.normal(2, 8, 5, 16), rng.normal(2, 2, 7, 16), rng.normal(2, 2, 7, 16)
    mask = torch.ones(2, 1, 5, 7, dtype=torch.bool).tril(2)
    ids = rng.integers(3, 259, (2, 9))
    ones, where = torch.ones_like(ids), rng.integers(0, 400, (2, 9))
    return [
        Sample("RMSNorm", lambda m, x: norm(m)(x), (rng.normal(2, 5, 64),), prepare=norm),
        Sample("rope_inv_freq", lambda m: m.rope_inv_freq(config)),
        Sample("rope_inv_freq", lambda m: m.rope_inv_freq(scaled)),
        Sample("apply_rope", lambda m, x, p, f: m.apply_rope(x, p, f), (q, rng.integers(0, 99, (2, 5)), inv)),
        Sample("attention", lambda m, *given: m.attention(*given), (q, k, v, mask)),
        Sample("attention", lambda m, *given: m.attention(*given, None), (q, k, v)),
        Sample("MLP", lambda m, x: feed_forward(m)(x), (rng.normal(2, 5, 64),), prepare=feed_forward),
        Sample("KVCache", lambda m, a, b: m.KVCache().update(0, a, b), (k, v)),
        Sample("Llama", lambda m, x: llama(m)(x), (ids,), prepare=llama),
        Sample("Llama", explicit, (ids, ones, where), prepare=llama),
        Sample("Llama", cached, (ids[:, :5], ids[:, 5:]), prepare=llama),
        Sample("generate", lambda m, x: m.generate(llama(m), x, 4), (ids[:1],), prepare=llama),
    ]
