"""Typical uses of the public names."""

from grader.checks import Sample


def samples(rng):
    """Return one sample per name."""
    a, b = rng.normal(4, 3), rng.normal(4, 3)
    return [
        Sample("dot", lambda m, a, b: m.dot(a, b), (a, b)),
        Sample("normalise", lambda m, x: m.normalise(x), (a,)),
        Sample("largest", lambda m, x: m.largest(x, 2), (a[0],)),
        Sample("Mean", lambda m, x: m.Mean().add(x).value(), (a[0],)),
    ]
