"""L10, L11, L13, L15, L18, L20, L22: the whole model, judged by two independent oracles."""

import torch
from llama_fixtures import (
    LOGITS,
    checkpoint,
    make_model,
    oracle_logits,
    put_logits_right,
    random_ids,
    relative,
    student_model,
)

from grader.checks import assert_close, assert_form, check, put_right
from grader.memo import remembered

F32 = torch.float32
LOW = {torch.bfloat16: (3e-2, 8e-2), torch.float16: (4e-3, 1.2e-2)}  # dtype: least limit, cap


def judge(logits, exact, limit, what, dtype=F32, *, strict=False):
    """Compare with both oracles; a wrong form is put right, but for the dtype where the test is `strict`."""
    given = logits.dtype if strict and isinstance(logits, torch.Tensor) else dtype
    for oracle, expected in exact.items():
        logits = put_right(logits, torch.empty_like(expected, dtype=given, device="meta"))
        assert_close(logits, expected, limit, what=f"{what}: {oracle}", dtype=dtype)


def test_logits(student, reference, rng, device):
    """Logits of models with MHA, GQA, MQA, tied embeddings, wide heads and llama3 rotation."""
    for kind in ("mha", "gqa", "mqa", "wide", "llama3", "tied"):
        model = make_model(kind, rng.seed())
        if kind == "tied":  # whether a tied model has an `lm_head.weight` of its own is left to the student
            theirs = student.load(student.upload(checkpoint(model)), device=device)
        else:
            theirs = student_model(student, model, device)
        for S in (1, 2, 33, 130):
            ids = random_ids(rng, model, 1, S)
            judge(theirs(ids.to(device)), oracle_logits(reference, model, ids), LOGITS, f"{kind} model")


def test_causality(student, rng, device):
    """Changing a token changes its own logits and later ones, never earlier ones."""
    model = make_model("gqa", rng.seed())
    theirs = student_model(student, model, device)
    ids = random_ids(rng, model, 1, 24)
    j = rng.integer(6, 20)
    other = ids.clone()
    other[:, j] = 3 + (other[:, j] - 3 + rng.integer(1, 200)) % 256
    a, b = (put_logits_right(theirs(part.to(device)), part) for part in (ids, other))
    for logits in (a, b):
        assert_form(logits, (1, 24, 259), F32, "logits")
    assert_close(b[:, :j], a[:, :j].double(), 1e-6, what="logits before the changed token", dtype=F32)
    check(
        relative(b[:, j], a[:, j]) > 0.05,
        "the logits at a changed token stay the same",
        "改变一个 token 之后，该位置的 logits 没有变化",
    )
    check(
        relative(b[:, -1], a[:, -1]) > 1e-4,
        "a changed token has no influence on the last one: does attention see it?",
        "改变一个 token 对最后一个位置没有影响：注意力看到它了吗？",
    )


def test_checkpoints(student, reference, rng, device):
    """`load` reads untied, tied bf16, sharded and llama3 checkpoints and keeps their dtype."""
    cases = {
        "untied float32": ("gqa", F32, {}),
        "tied bfloat16": ("tied", torch.bfloat16, {}),
        "sharded": ("mqa", F32, {"shard": "60KB"}),
        "llama3, keys of published checkpoints": ("llama3", F32, {"old_config": True}),
    }
    for what, (kind, dtype, how) in cases.items():
        model = make_model(kind, rng.seed(), dtype)
        path = student.upload(checkpoint(model, dtype, **how))
        ids = random_ids(rng, model, 1, 17)
        exact = oracle_logits(reference, model, ids)
        theirs = student.load(path, torch.float32, device)
        judge(theirs(ids.to(device)), exact, LOGITS, f"{what}, loaded as float32")
        kept = student.load(path)(ids)
        limit = LOGITS if dtype == F32 else low_limit(reference, model, ids, None, exact, dtype)
        judge(kept, exact, limit, f"{what}, loaded as it is", dtype, strict=True)


def test_position_ids(student, reference, rng, device):
    """Explicit position_ids are used as given: with gaps, repeated, descending, different per row."""
    model = make_model("gqa", rng.seed())
    theirs = student_model(student, model, device)
    S = 18
    gaps = rng.integers(1, 9, (2, S)).cumsum(-1)
    repeated = gaps // 12
    for position_ids in (gaps, repeated, gaps.flip(-1), torch.stack((gaps[0], gaps[0].flip(-1)))):
        ids = random_ids(rng, model, 2, S)
        logits = theirs(ids.to(device), position_ids=position_ids.to(device))
        exact = oracle_logits(reference, model, ids, position_ids)
        judge(logits, exact, LOGITS, "logits with explicit position_ids")


def test_attention_mask(student, reference, rng, device):
    """Keys with attention_mask 0 are hidden: a left-padded row gives the logits of the row alone."""
    model = make_model("gqa", rng.seed())
    theirs = student_model(student, model, device)
    lengths, S = (4, 13, 9), 13
    rows = [random_ids(rng, model, 1, n) for n in lengths]
    ids = torch.cat([torch.cat((random_ids(rng, model, 1, S - r.shape[1]), r), dim=1) for r in rows])
    mask = torch.stack([(torch.arange(S) >= S - n).long() for n in lengths])
    position_ids = (mask.cumsum(-1) - 1).clamp(min=0)
    out = theirs(ids.to(device), attention_mask=mask.to(device), position_ids=position_ids.to(device))
    out = put_logits_right(out, ids)
    assert_form(out, (3, S, 259), F32, "logits of a padded batch")
    for row, n, logits in zip(rows, lengths, out, strict=True):
        judge(logits[None, S - n :], oracle_logits(reference, model, row), LOGITS, "a left-padded row")


def test_degenerate_shapes(student, reference, rng, device):
    """Several rows, a vocabulary of one, a single head of two features, and the longest prompt allowed."""
    for kind, shapes in (("tiny", ((1, 1), (2, 3))), ("short", ((1, 48), (2, 1))), ("gqa", ((3, 7),))):
        model = make_model(kind, rng.seed())
        theirs = student_model(student, model, device)
        for B, S in shapes:
            ids = random_ids(rng, model, B, S)
            exact = oracle_logits(reference, model, ids)
            judge(theirs(ids.to(device)), exact, LOGITS, f"{kind} model with {B} rows of {S}")
    cache = student.KVCache()
    parts = [theirs(part.to(device), cache=cache) for part in ids.split((4, 3), dim=1)]
    logits = [put_logits_right(said, ids[:, :n]) for said, n in zip(parts, (4, 3), strict=True)]
    for said, n in zip(logits, (4, 3), strict=True):
        assert_form(said, (3, n, 259), F32, "logits of three rows, through a cache")
    judge(torch.cat(logits, dim=1), exact, LOGITS, "logits of three rows, through a cache")


@remembered
@torch.no_grad()
def low_limit(reference, model, ids, position_ids, exact, dtype):
    """Allow twice the reference's own error in this dtype, at least the least limit, at most the cap."""
    ours = reference.Llama(model.config)
    ours.load_state_dict(model.weights)
    error = relative(ours.to(dtype)(ids, position_ids=position_ids), exact["logits"])
    least, cap = LOW[dtype]
    return min(max(2 * error, least), cap)


def test_low_precision_logits(student, reference, rng, device):
    """A bf16 and an fp16 model answer in their dtype, as exactly as that dtype allows, at all positions."""
    for dtype in LOW:
        model = make_model("long", rng.seed(), dtype)
        theirs = student_model(student, model, device, dtype)
        near, far = torch.arange(40)[None], rng.integers(0, 8000, (1, 40)).sort(-1).values
        for where, position_ids in (("near", near), ("far", far)):
            ids = random_ids(rng, model, 1, 40)
            exact = oracle_logits(reference, model, ids, position_ids)
            limit = low_limit(reference, model, ids, position_ids, exact, dtype)
            logits = theirs(ids.to(device), position_ids=position_ids.to(device))
            judge(logits, exact, limit, f"{dtype}, {where} positions", dtype, strict=True)
