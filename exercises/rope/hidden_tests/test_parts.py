"""R1 and R12: the rotation and the caches alone, against closed forms in float64."""

import torch
from rope_fixtures import F32, assert_values, both, make_config, relative, rope64, turn_limit

from grader.checks import assert_close, assert_equal, assert_form, check, put_right

HALVES = {torch.bfloat16: (5e-3, 1e-4), torch.float16: (6e-4, 1e-5)}  # dtype: floor of the limit, slack
FAR = 200
TURNED = 0.3  # relative change by a turn of 1 to 39 positions: the fastest pair alone makes it 0.5


def test_rope_values(student, reference, rng, device):
    """Rope(config) turns feature i with i + D/2 by the position of its own row, at the config's speeds."""
    for kind in ("gqa", "llama3"):
        config = make_config(kind)
        rope, D = student.Rope(config), config.head_dim
        for position in (0, 1, 100, 10_000, 100_000):
            x = rng.normal(2, 3, 5, D)
            where = position + rng.integers(0, 1 + position // 10, (2, 5))
            out = rope(x.to(device), where.to(device))
            what = f"{kind} model, rotated around position {position}"
            limit = turn_limit(position + position // 10)
            assert_values(out, rope64(x, where, config), limit, what)
        for dtype, (floor, slack) in HALVES.items():
            rope = student.Rope(config)  # asked in this dtype first, in float32 afterwards
            half, where = rng.normal(2, 4, 9, D).to(dtype), rng.integers(0, 3000, (2, 9))
            exact = rope64(half, where, config)
            limit = max(2 * relative(reference.Rope(config)(half, where), exact) + slack, floor)
            out = rope(half.to(device), where.to(device))
            assert_close(out, exact, limit, what=f"rotated in {dtype}", dtype=dtype)
            x, where = rng.normal(2, 4, 9, D), rng.integers(0, FAR, (2, 9))
            out, what = rope(x.to(device), where.to(device)), f"rotated in float32 after {dtype}"
            assert_values(out, rope64(x, where, config), turn_limit(FAR), what)


def test_rope_identities(student, rng, device):
    """Position 0 changes nothing, two turns add up, a turn can be undone, and no length changes."""
    config = make_config("gqa")
    rope, shape = student.Rope(config), (2, 3, 6, config.head_dim)
    x = rng.normal(*shape)

    def turn(x, steps):
        out = put_right(rope(x.to(device), steps.to(device)), x)
        assert_form(out, shape, F32, "rotated features")
        return out

    def mirror(x):
        a, b = x.chunk(2, dim=-1)
        return torch.cat((a, -b), dim=-1)

    a, b = rng.integers(1, 40, (2, 6)), rng.integers(1, 40, (2, 6))
    assert_close(turn(x, torch.zeros_like(a)), x, 1e-7, what="position 0")
    once = turn(x, a)
    check(
        relative(once, x) > TURNED,
        "a turn by 1 to 39 positions changes almost nothing",
        "转过 1 到 39 个位置，特征却几乎没有变化",
    )
    assert_close(once.norm(dim=-1), x.norm(dim=-1), 1e-6, what="lengths of rotated features")
    assert_close(turn(once, b), turn(x, a + b), 1e-5, what="a turn by a and then by b, against one by a + b")
    assert_close(mirror(turn(mirror(once), a)), x, 1e-5, what="a turn undone (mirrored, turned, mirrored)")


def test_cache_contract(student, rng, device):
    """Both caches return rotated keys and untouched values, oldest first, and count tokens, not calls."""
    config = make_config("gqa")
    rope, layers, sizes = student.Rope(config), 3, (5, 1, 3)
    caches = {  # two of each: nothing may be shared between objects
        f"{name} {i}": getattr(student, name)() for i in (1, 2) for name in ("PostRopeCache", "PreRopeCache")
    }
    given = {name: [[] for _ in range(layers)] for name in caches}
    for step, S in enumerate(sizes):
        for name, cache in caches.items():
            seen = sum(sizes[:step])
            assert_equal(len(cache), seen, what=f"len of {name}")
            position_ids = rng.integers(0, FAR, (2, S))
            asked = cache.query_positions(position_ids.to(device))
            assert_equal(put_right(asked, position_ids), position_ids, what=f"query_positions of {name}")
            for layer in range(layers):
                k, v = rng.normal(2, 2, S, config.head_dim), rng.normal(2, 2, S, config.head_dim)
                given[name][layer].append((rope64(k, position_ids, config), v))
                out = cache.update(layer, k.to(device), v.to(device), position_ids.to(device), rope)
                keys, values = both(out, f"update of {name}")
                due, kept = (torch.cat(side, dim=2) for side in zip(*given[name][layer], strict=True))
                assert_values(keys, due, turn_limit(FAR), f"keys returned by {name}")
                assert_equal(put_right(values, kept), kept, what=f"values returned by {name}")
            assert_equal(len(cache), seen + S, what=f"len of {name} after all layers")
