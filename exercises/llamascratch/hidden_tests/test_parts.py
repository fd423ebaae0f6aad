"""L1 to L9 and the MLP: every part alone, against closed forms in float64."""

import torch
from llama_fixtures import (
    LLAMA3,
    UNIT,
    attention64,
    inv_freq64,
    llama3_inv_freq64,
    make_config,
    norm64,
    relative,
    rope64,
)

from grader.checks import assert_close, assert_form, check, put_right

NORM = 1e-6
HALVES = {torch.bfloat16: (5e-3, 1e-4), torch.float16: (6e-4, 1e-5)}  # dtype: floor of the limit, slack


def assert_values(out, exact, limit, what):
    """Compare float32 values; their form is another test's."""
    assert_close(put_values_right(out, exact), exact, limit, what=what, dtype=torch.float32)


def put_values_right(out, exact):
    """Return an answer as float32 in the shape of `exact`, where a reshape or a cast is all that it lacks."""
    return put_right(out, torch.empty_like(exact, dtype=torch.float32, device="meta"))


def make_norm(student, weight, eps, device, dtype=torch.float32):
    """Build a norm with this weight."""
    norm = student.RMSNorm(weight.numel(), eps)
    norm.load_state_dict({"weight": weight})
    norm.to(dtype)
    norm.to(device)
    return norm


def half_limit(dtype, ours, exact):
    """Allow twice the error that the reference makes in the same dtype (exercises.md §3.9)."""
    floor, slack = HALVES[dtype]
    return max(2 * relative(ours, exact) + slack, floor)


def test_rmsnorm_values(student, rng, device):
    """RMSNorm divides by the root mean square over the last dimension and multiplies by the weight."""
    for shape in ((3, 64), (2, 5, 64), (64,)):
        weight, x = rng.uniform(64, low=0.5, high=1.5), rng.normal(*shape) + 0.7
        out = make_norm(student, weight, 1e-5, device)(x.to(device))
        assert_values(out, norm64(x, weight, 1e-5), NORM, "normalised features")
    x = rng.normal(4, 32)
    out = student.RMSNorm(32, 1e-5)(x)
    assert_values(out, norm64(x, torch.ones(32), 1e-5), NORM, "with the initial weight")


def test_rmsnorm_eps(student, rng, device):
    """The given eps is added under the root: it matters for small features, and zeros stay zeros."""
    weight = rng.uniform(64, low=0.5, high=1.5)
    for eps in (1e-5, 1e-6, 1e-3):
        norm = make_norm(student, weight, eps, device)
        for scale in (1e-2, 1e-3):
            x = rng.normal(8, 64) * scale
            exact = norm64(x, weight, eps)
            assert_values(norm(x.to(device)), exact, NORM, "small features")
        x = rng.normal(3, 64)
        x[1] = 0
        out = norm(x.to(device))
        assert_values(out, norm64(x, weight, eps), NORM, "features with a row of zeros")


def test_rmsnorm_half_range(student, reference, rng, device):
    """In half precision the squares do not overflow, and the answer has the input's dtype."""
    weight = rng.uniform(4096, low=0.5, high=1.5)
    for dtype in HALVES:
        x = (rng.normal(4, 4096) * 300).to(dtype)
        exact = norm64(x, weight.to(dtype), 1e-5)
        ours = make_norm(reference, weight, 1e-5, "cpu", dtype)(x).detach()
        out = make_norm(student, weight, 1e-5, device, dtype)(x.to(device))
        limit = half_limit(dtype, ours, exact)
        assert_close(out, exact, limit, what=f"large features in {dtype}", dtype=dtype)


def assert_speeds(out, exact, what):
    """Compare every rotation speed relative to itself: the slow ones count as much as the fast ones."""
    out = put_values_right(out, exact)
    assert_form(out, tuple(exact.shape), torch.float32, what)
    assert_close(out.double() / exact, torch.ones_like(exact), 3e-6, what=what)


def test_inv_freq_default(student):
    """Rotation speeds are theta^(-2i/D), float32, with theta and head_dim from the config."""
    for head_dim in (2, 8, 64, 128):
        for theta in (1e4, 5e5):
            config = make_config("gqa")
            config.head_dim = head_dim
            config.rope_parameters = {"rope_type": "default", "rope_theta": theta}
            assert_speeds(
                student.rope_inv_freq(config), inv_freq64(head_dim, theta), "default rotation speeds"
            )


def test_inv_freq_llama3(student):
    """Llama 3.1 keeps fast rotations, slows slow ones by `factor`, and blends in between."""
    for head_dim, change in (
        (32, {}),
        (64, {"original_max_position_embeddings": 8192}),
        (64, {"original_max_position_embeddings": 8192, "low_freq_factor": 2.0, "factor": 32.0}),
        (32, {"factor": 1.0}),
    ):
        rope = LLAMA3 | change
        config = make_config("gqa")
        config.head_dim, config.rope_parameters = head_dim, rope
        exact = llama3_inv_freq64(head_dim, rope)
        ratio = exact / inv_freq64(head_dim, rope["rope_theta"]) * rope["factor"]
        bands = {1: ratio < 1.0001, 2: ratio > 0.9999 * rope["factor"]}
        assert rope["factor"] == 1 or all(b.any() for b in bands.values())  # slow and fast ...
        assert rope["factor"] == 1 or not (bands[1] | bands[2]).all()  # ... and in between
        assert_speeds(student.rope_inv_freq(config), exact, "llama3 rotation speeds")


def test_rope_identities(student, rng, device):
    """Position 0 changes nothing, no rotation changes a length, and q·k depends on the distance only."""
    D = rng.choice((8, 16, 64))
    inv = inv_freq64(D, 1e4).float().to(device)
    q, k = rng.normal(1, 4, 6, D), rng.normal(1, 4, 6, D)
    start = torch.zeros(1, 6, dtype=torch.int64)
    assert_values(student.apply_rope(q.to(device), start.to(device), inv), q, 1e-7, "position 0")
    here = rng.integers(0, 200, (1, 6))
    turned = put_values_right(student.apply_rope(q.to(device), here.to(device), inv), q)
    assert_form(turned, tuple(q.shape), torch.float32, "rotated queries")
    assert_close(turned.norm(dim=-1), q.norm(dim=-1), 1e-6, what="lengths of rotated queries")
    check(  # who turns nothing keeps all of this
        relative(turned, q) > 0.01,
        "nothing is rotated at positions other than 0",
        "在非 0 的位置上没有任何旋转",
    )
    shift = rng.integer(1, 200)
    scores = []
    for by in (0, shift):
        a = put_values_right(student.apply_rope(q.to(device), (here + by).to(device), inv), q)
        b = put_values_right(student.apply_rope(k.to(device), (start + by).to(device), inv), k)
        for half in (a, b):
            assert_form(half, tuple(q.shape), torch.float32, "rotated queries and keys")
        scores.append((a.double() * b.double()).sum(-1))
    assert_close(scores[1], scores[0], 5e-5, what="q·k when both move by the same distance")


def test_rope_values(student, reference, rng, device):
    """Feature i is rotated with feature i + D/2, by the position of its own row, with float32 angles."""
    for D in (2, 8, 64):
        inv = inv_freq64(D, 5e5).float()
        for position in (0, 1, 100, 10_000, 100_000):
            x = rng.normal(2, 3, 4, D)
            where = position + rng.integers(0, 1 + position // 10, (2, 4))
            where[0, 0] = position
            out = student.apply_rope(x.to(device), where.to(device), inv.to(device))
            limit = 5e-6 + 1e-7 * position
            assert_values(out, rope64(x, where, inv), limit, f"rotated around position {position}")
    inv = inv_freq64(32, 5e5).float()
    x = rng.normal(3, 4, 32, 9).transpose(-1, -2)  # not contiguous
    where = torch.stack([rng.permutation(300)[:9] for _ in range(3)])
    out = student.apply_rope(x.to(device), where.to(device), inv.to(device))
    assert_values(out, rope64(x, where, inv), 5e-6 + 3e-5, "rows with positions of their own")
    for dtype in HALVES:
        half, where = rng.normal(2, 4, 9, 32).to(dtype), rng.integers(0, 3000, (2, 9))
        exact = rope64(half, where, inv)
        limit = half_limit(dtype, reference.apply_rope(half, where, inv), exact)
        out = student.apply_rope(half.to(device), where.to(device), inv.to(device))
        assert_close(out, exact, limit, what=f"rotated in {dtype}", dtype=dtype)


def random_mask(rng, B, S, T):
    """Hide keys at random; every query sees at least one."""
    mask = rng.uniform(B, 1, S, T) < 0.6
    mask.scatter_(-1, rng.integers(0, T, (B, 1, S, 1)), True)
    return mask


def test_attention_values(student, rng, device):
    """Softmax of scaled scores over visible keys; query head h reads kv head h // (H / Hkv)."""
    for H, Hkv in ((8, 8), (8, 2), (8, 1)):
        for S, T, D in ((7, 7, 8), (3, 9, 64), (1, 6, 8), (1, 1, 8)):
            q, k, v = rng.normal(2, H, S, D), rng.normal(2, Hkv, T, D), rng.normal(2, Hkv, T, D)
            causal = torch.ones(1, 1, S, T, dtype=torch.bool).tril(T - S)
            for mask in (None, causal, random_mask(rng, 2, S, T)):
                given = mask if mask is None else mask.to(device)
                out = student.attention(q.to(device), k.to(device), v.to(device), given)
                assert_values(out, attention64(q, k, v, mask), UNIT, "attended values")


def test_attention_large_scores(student, rng, device):
    """Scores up to tens of thousands neither overflow nor let masked keys leak through."""
    # Whole numbers and D = 16: all scores are exact in float32, whatever the order of the operations.
    for S, T in ((8, 8), (3, 12)):
        q, k = (rng.integers(-170, 171, (1, 4, n, 16)).float() for n in (S, T))
        v = rng.normal(1, 4, T, 16)
        q[:, :, -1], k[:, :, 0] = 12, 200  # the last query's visible scores are all about +/- 9600 ...
        k[:, :, 1:] = k[:, :, 1:] - 100  # ... and mostly negative behind the first key
        mask = torch.ones(1, 1, S, T, dtype=torch.bool).tril(T - S)
        mask[..., -1, 0] = False
        out = student.attention(q.to(device), k.to(device), v.to(device), mask.to(device))
        assert_values(out, attention64(q, k, v, mask), UNIT, "attended values under large scores")


def test_attention_masked_row(student, rng, device):
    """A query that may see nothing gives finite values and leaves the other rows exact."""
    q, k, v = rng.normal(1, 4, 5, 8), rng.normal(1, 2, 7, 8), rng.normal(1, 2, 7, 8)
    mask = torch.ones(1, 1, 5, 7, dtype=torch.bool).tril(2)
    blind = rng.integer(0, 5)
    mask[0, :, blind] = False
    out = student.attention(q.to(device), k.to(device), v.to(device), mask.to(device))
    out = put_values_right(out, q)
    assert_form(out, (1, 4, 5, 8), torch.float32, "attended values")
    check(
        bool(out.isfinite().all()),
        "a query that may see no key gives NaN or infinity",
        "看不到任何 key 的 query 得到了 NaN 或无穷大",
    )
    seen = mask.any(-1)[:, 0]  # [B, S]
    rows, exact = out.transpose(1, 2)[seen], attention64(q, k, v, mask).transpose(1, 2)[seen]
    assert_close(rows, exact, UNIT, what="the rows that do see something", dtype=torch.float32)


def test_mlp_values(student, rng, device):
    """SwiGLU: down(silu(gate(x)) * up(x)), without biases."""
    config = make_config("gqa")
    E, F = config.hidden_size, config.intermediate_size
    shapes = {"gate_proj": (F, E), "up_proj": (F, E), "down_proj": (E, F)}
    w = {name: rng.normal(*shape) * shape[1] ** -0.5 for name, shape in shapes.items()}
    mlp = student.MLP(config)
    mlp.load_state_dict({f"{name}.weight": value for name, value in w.items()})
    mlp.to(device)
    x = rng.normal(1, 5, E) * 2
    gate, up = x.double() @ w["gate_proj"].double().T, x.double() @ w["up_proj"].double().T
    exact = (gate / (1 + (-gate).exp()) * up) @ w["down_proj"].double().T
    assert_values(mlp(x.to(device)), exact, UNIT, "MLP output")
