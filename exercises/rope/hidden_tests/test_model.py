"""R2 to R6 and R11: the model through its own caches, against a float64 oracle that has none."""

import torch
from rope_caches import MOST, TrueRope
from rope_fixtures import (
    CACHED,
    F32,
    LOGITS,
    assert_values,
    feed,
    logits64,
    make_config,
    make_model,
    plain,
    random_ids,
    random_split,
    relative,
    rope64,
    student_model,
    turn_limit,
)

from grader.checks import assert_close, assert_equal, check, clue, put_right

SPLITS = 16
FAR, SAME = 200, 1e-6  # positions of keys given to a cache alone; of what is stored as it came
ALIKE = 1e-3  # relative error of what is rotated, where it should not be, or not where it should
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
            assert_values(theirs(ids.to(device)), exact, LOGITS, f"logits of a {kind} model")


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
            assert_values(logits[name], exact[i % 2], LOGITS, what)
            assert_equal(len(cache), n, what=f"len of {name}")
        both = logits["PreRopeCache"], logits["PostRopeCache"].double()
        assert_values(*both, CACHED, "logits through PreRopeCache, against PostRopeCache")


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
            assert_values(out[None, S - n :], exact, LOGITS, f"a padded row through {name}")


def test_position_ids(student, rng, device):
    """Positions with gaps, repeated, descending, per row, beside a mask: used as given, in any chunks."""
    model, S = make_model("gqa", rng.seed()), 18
    theirs = student_model(student, model, device)
    gaps = rng.integers(1, 9, (2, S)).cumsum(-1)
    for position_ids in (gaps, gaps // 12, gaps.flip(-1), torch.stack((gaps[0], gaps[0].flip(-1)))):
        ids = random_ids(rng, 2, S)
        exact = logits64(model, ids, *plain(position_ids))
        out = theirs(ids.to(device), position_ids=position_ids.to(device))
        assert_values(out, exact, LOGITS, "logits with explicit position_ids")
        for name, cache in own_caches(student).items():
            out = feed(theirs, cache, ids, [7, 1, 1, 9], device, position_ids)
            what = f"logits with explicit position_ids through {name}"
            assert_values(out, exact, LOGITS, what)
    mask = (torch.arange(S) >= torch.tensor([[3], [0]])).long()  # three tokens of padding, then none
    visible, distance = plain(gaps)
    seen = (visible & mask[:, None].bool()) | torch.eye(S).bool()  # padding sees itself: nothing may be NaN
    exact = logits64(model, ids, seen, distance)
    out = theirs(ids.to(device), attention_mask=mask.to(device), position_ids=gaps.to(device))
    what = "logits with explicit position_ids and an attention_mask"
    assert_values(put_right(out, exact.to(F32))[:, 3:], exact[:, 3:], LOGITS, what)
    for name, cache in own_caches(student).items():
        out = feed(theirs, cache, ids, [7, 1, 1, 9], device, gaps, mask)
        assert_values(out[:, 3:], exact[:, 3:], LOGITS, f"{what} through {name}")


def test_stepwise_positions(student, rng, device):
    """Decoding token by token: positions go on by default, and follow position_ids where these are given."""
    model, S = make_model("gqa", rng.seed()), 12
    theirs = student_model(student, model, device)
    ids = random_ids(rng, 1, S)
    steps = arange(1, S)
    thirds, everything = 3 * steps + 5, torch.ones(1, S, dtype=torch.int64)
    for name, position_ids, given, mask in (
        ("by default", steps, None, None),
        ("the same positions spelled out", steps, steps, None),
        ("every third position", thirds, thirds, None),
        ("every third position, and an attention_mask that hides nothing", thirds, thirds, everything),
    ):
        exact = logits64(model, ids, *plain(position_ids))
        for kind, cache in own_caches(student).items():
            out = feed(theirs, cache, ids, [3] + [1] * (S - 3), device, given, mask)
            assert_values(out, exact, LOGITS, f"decoding through {kind}, {name}")


def filled(student, rng, device, expose, kind):
    """Fill a cache, without any model, in three updates of two layers; return it and what it was given.

    The keys [B, Hkv, T, D] of each layer, as they were and rotated, and the rotation that it was lent.
    """
    config = make_config("gqa")
    cache, rope = getattr(student, kind)(), TrueRope(config, device)
    lent, keys, turned = expose(rope, rope.validate, most=MOST), [[], []], [[], []]
    for S in (6, 1, 4):
        position_ids = rng.integers(1, FAR, (2, S))
        for layer in range(2):
            k, v = rng.normal(2, 2, S, 8), rng.normal(2, 2, S, 8)
            cache.update(layer, k.to(device), v.to(device), position_ids.to(device), lent)
            keys[layer].append(k)
            turned[layer].append(rope64(k, position_ids, config))
    return cache, *([torch.cat(k, dim=2) for k in both] for both in (keys, turned)), rope


def looks_like(actual, other):
    """Say whether an answer is these keys."""
    return torch.is_tensor(actual) and actual.shape == other.shape and relative(actual, other) < ALIKE


def test_post_stores_rotated(student, rng, device, expose):
    """PostRopeCache stores keys as rotated, and rotates each of them exactly once."""
    cache, keys, turned, rope = filled(student, rng, device, expose, "PostRopeCache")
    for layer, (k, due) in enumerate(zip(keys, turned, strict=True)):
        stored = put_right(cache.rotated_keys(layer), k)
        check(
            not looks_like(stored, k),
            "PostRopeCache stores keys that have not been rotated",
            "PostRopeCache 存的 key 没有旋转过",
        )
        assert_values(stored, due, turn_limit(FAR), "keys stored by PostRopeCache")
    due = sum(k.shape[2] for k in keys)
    clue(rope.turned)
    check(
        rope.turned == due,
        f"PostRopeCache has rotated {rope.turned} keys while it took in {due}: each is rotated once",
        f"PostRopeCache 收下 {due} 个 key，却旋转了 {rope.turned} 个：每个 key 只旋转一次",
    )


def test_pre_stores_raw(student, rng, device, expose):
    """PreRopeCache stores keys as they came, before any rotation."""
    cache, keys, turned, _ = filled(student, rng, device, expose, "PreRopeCache")
    for layer, (k, rotated) in enumerate(zip(keys, turned, strict=True)):
        stored = put_right(cache.raw_keys(layer), k)
        check(
            not looks_like(stored, rotated),
            "PreRopeCache stores keys that have been rotated; it rotates them when they are returned",
            "PreRopeCache 存的 key 已经旋转过；应在返回时才旋转",
        )
        assert_values(stored, k, SAME, "keys stored by PreRopeCache")


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
