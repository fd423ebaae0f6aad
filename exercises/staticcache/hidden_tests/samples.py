"""One or two typical uses of every public name, from which the shared tests are made."""

from static_fixtures import make_model

from grader.checks import Sample


class Kept:
    """Builds a model once per solution: making one draws initial weights, using it must not."""

    def __init__(self, model):
        self.model, self.made = model, []

    def __call__(self, m):
        """Return the model of solution `m`."""
        for owner, module in self.made:
            if owner is m:
                return module
        module = m.Llama(self.model.config)
        module.load_state_dict(self.model.weights)
        self.made.append((m, module))
        return module


def samples(rng):
    """Return the samples."""
    model = make_model("base", rng.seed())
    config, llama = model.config, Kept(model)
    ids = rng.integers(3, 96, (2, 6))

    def cached(m, ids):
        cache = m.StaticCache(config, 2, 16)
        return cache, m.prefill(llama(m), ids, cache)

    def decode(m, ids, token, position):
        cache, _ = cached(m, ids)
        return m.decode_step(llama(m), token, position, cache)

    def held(m, ids):
        cache, _ = cached(m, ids)
        state = cache.state_dict()
        return state["v"], state["k"].norm(dim=-1)

    def generate(m, ids):
        return m.generate(llama(m), ids, 4)

    position = rng.integers(6, 7, (1,))
    return [
        Sample("StaticCache", held, (ids,), prepare=llama),
        Sample("prefill", lambda m, ids: cached(m, ids)[1], (ids,), prepare=llama),
        Sample("decode_step", decode, (ids, rng.integers(3, 96, (2, 1)), position), prepare=llama),
        Sample("generate", generate, (ids[:1],), prepare=llama),
        Sample("generate", generate, (ids,), prepare=llama),
    ]
