"""R2 to R6 and R11: the model through its own caches, against a float64 oracle that has none."""

import torch
from rope_fixtures import (
    CACHED,
    F32,
    LOGITS,
    feed,
    forward64,
    logits64,
    make_model,
    plain,
    random_ids,
    random_split,
    relative,
    rope64,
    student_model,
    turn_limit,
)

from grader.checks import assert_close, assert_equal

SPLITS = 16
BF16 = torch.bfloat16
LEAST, CAP = 3e-2, 8e-2  # limits of bf16 logits


def own_caches(student):
    """Return a fresh cache of either kind."""
    return {"PostRopeCache": student.PostRopeCache(), "PreRopeCache": student.PreRopeCache()}


def arange(B, S):
    """Return positions 0 ... S - 1 for every row."""
    return torch.arange(S).expand(B, S)


def test_logits(student, rng, device):
    """Without a cache the model is the Llama of the earlier exercises: GQA, MQA, llama3; B = 1 and 2."""
    for kind in ("gqa", "mqa", "llama3"):
        model = make_model(kind, rng.seed())
        theirs = student_model(student, model, device)
        for B, S in ((2, 1), (2, 33), (1, 9)):
            ids = random_ids(rng, B, S)
            exact = logits64(model, ids, *plain(arange(B, S)))
            assert_close(theirs(ids.to(device)), exact, LOGITS, what=f"logits of a {kind} model", dtype=F32)


def test_chunks(student, rng, device):
    """However a sequence is cut into chunks, both caches give the logits of one pass."""
    model, n = make_model("gqa", rng.seed()), 20
    theirs = student_model(student, model, device)
    splits = [[n], [1] * n, [n - 1, 1], [1, n - 1]]
    splits += [random_split(rng, n) for _ in range(SPLITS - len(splits))]
    batches = [random_ids(rng, B, n) for B in (1, 2)]
    exact = [logits64(model, ids, *plain(arange(*ids.shape))) for ids in batches]
    for i, chunks in enumerate(splits):
        logits = {}
        for name, cache in own_caches(student).items():
            logits[name] = feed(theirs, cache, batches[i % 2], chunks, device)
            what = f"logits through {name}"
            assert_close(logits[name], exact[i % 2], LOGITS, what=what, dtype=F32)
            assert_equal(len(cache), n, what=f"len of {name}")
        assert_close(
            logits["PreRopeCache"],
            logits["PostRopeCache"].double(),
            CACHED,
            what="logits through PreRopeCache, against PostRopeCache",
            dtype=F32,
        )


def test_padded_batch(student, rng, device):
    """Left-padded rows with positions of their own: through both caches each gives what it gives alone."""
    model = make_model("gqa", rng.seed())
    theirs = student_model(student, model, device)
    lengths, S, new = (4, 13, 9), 13, 4
    rows = [random_ids(rng, 1, n + new) for n in lengths]
    padding = [random_ids(rng, 1, S - n) for n in lengths]
    ids = torch.cat([torch.cat(pair, dim=1) for pair in zip(padding, rows, strict=True)])
    mask = torch.stack([(torch.arange(S + new) >= S - n).long() for n in lengths])
    position_ids = (mask.cumsum(-1) - 1).clamp(min=0)
    for name, cache in own_caches(student).items():
        logits = feed(theirs, cache, ids, [S - 2, 2, *[1] * new], device, position_ids, mask)
        for row, n, out in zip(rows, lengths, logits, strict=True):
            exact = logits64(model, row, *plain(arange(1, n + new)))
            assert_close(out[None, S - n :], exact, LOGITS, what=f"a padded row through {name}", dtype=F32)


def test_position_ids(student, rng, device):
    """Positions with gaps, repeated, descending, different per row are used as given, in any chunks."""
    model, S = make_model("gqa", rng.seed()), 18
    theirs = student_model(student, model, device)
    gaps = rng.integers(1, 9, (2, S)).cumsum(-1)
    for position_ids in (gaps, gaps // 12, gaps.flip(-1), torch.stack((gaps[0], gaps[0].flip(-1)))):
        ids = random_ids(rng, 2, S)
        exact = logits64(model, ids, *plain(position_ids))
        out = theirs(ids.to(device), position_ids=position_ids.to(device))
        assert_close(out, exact, LOGITS, what="logits with explicit position_ids", dtype=F32)
        for name, cache in own_caches(student).items():
            out = feed(theirs, cache, ids, [7, 1, 1, 9], device, position_ids)
            what = f"logits with explicit position_ids through {name}"
            assert_close(out, exact, LOGITS, what=what, dtype=F32)


def test_stepwise_positions(student, rng, device):
    """Decoding token by token: positions go on by default, and follow position_ids where these are given."""
    model, S = make_model("gqa", rng.seed()), 12
    theirs = student_model(student, model, device)
    ids = random_ids(rng, 1, S)
    steps = arange(1, S)
    for name, position_ids, given in (
        ("by default", steps, None),
        ("the same positions spelled out", steps, steps),
        ("every third position", 3 * steps + 5, 3 * steps + 5),
    ):
        exact = logits64(model, ids, *plain(position_ids))
        for kind, cache in own_caches(student).items():
            out = feed(theirs, cache, ids, [3] + [1] * (S - 3), device, given)
            assert_close(out, exact, LOGITS, what=f"decoding through {kind}, {name}", dtype=F32)


def stored(student, rng, device, kind):
    """Feed a cache; return it, its model's keys before rotation, and their positions."""
    model = make_model("gqa", rng.seed())
    ids, position_ids = random_ids(rng, 2, 11), rng.integers(1, 20, (2, 11)).cumsum(-1)
    _, keys = forward64(model, ids, *plain(position_ids))
    cache = getattr(student, kind)()
    feed(student_model(student, model, device), cache, ids, [6, 1, 4], device, position_ids)
    return cache, keys, position_ids, model.config


def test_post_stores_rotated(student, rng, device, expose):
    """PostRopeCache stores keys as rotated, and rotates each of them exactly once."""
    cache, keys, position_ids, config = stored(student, rng, device, "PostRopeCache")
    for layer, k in enumerate(keys):
        due = rope64(k, position_ids, config)
        limit = LOGITS + turn_limit(220)
        assert_close(cache.rotated_keys(layer), due, limit, what="keys stored by PostRopeCache", dtype=F32)
    turned = []

    def rope(x, position_ids):
        turned.append(x.shape[2] if isinstance(x, torch.Tensor) and x.dim() == 4 else 0)
        return x.to(device)

    cache, lent = student.PostRopeCache(), expose(rope)
    for S in (4, 1, 3):
        k, v = rng.normal(1, 2, S, 8).to(device), rng.normal(1, 2, S, 8).to(device)
        cache.update(0, k, v, arange(1, S).to(device), lent)
    assert_equal(sum(turned), 8, what="keys that PostRopeCache rotated while it took in eight")


def test_pre_stores_raw(student, rng, device):
    """PreRopeCache stores keys as they came, before any rotation."""
    cache, keys, _, _ = stored(student, rng, device, "PreRopeCache")
    for layer, k in enumerate(keys):
        assert_close(cache.raw_keys(layer), k, LOGITS, what="keys stored by PreRopeCache", dtype=F32)


def test_low_precision(student, reference, rng, device):
    """A bf16 model is as exact through both caches as bf16 allows, at near and at far positions."""
    model = make_model("long", rng.seed(), BF16)
    theirs = student_model(student, model, device, BF16)
    ours = student_model(reference, model, "cpu").to(BF16)
    n = 30
    for where, position_ids in (
        ("near", arange(2, n)),
        ("far", rng.integers(0, 8000, (2, n)).sort(-1).values),
    ):
        ids = random_ids(rng, 2, n)
        exact = logits64(model, ids, *plain(position_ids))
        with torch.no_grad():
            error = relative(ours(ids, position_ids=position_ids), exact)
        limit = min(max(2 * error, LEAST), CAP)
        for name, cache in own_caches(student).items():
            out = feed(theirs, cache, ids, [n - 4, 1, 3], device, position_ids)
            assert_close(out, exact, limit, what=f"bf16 logits through {name}, {where}", dtype=BF16)
